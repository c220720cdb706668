"""Counted FLOPs against what a real adapter's real calls run, family by family."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from gisteval.compressors.gist.gist import Gist
from gisteval.errors import GistevalError
from gisteval.models.checkpoints.loading import ADAPTERS
from gisteval.models.running.architecture import architecture_of
from gisteval.models.text.tokens import PromptTokenizer
from gisteval.profiling.accounts import CLOSED_FORM, COUNTED, flop_source, mean_flops
from gisteval.profiling.breakeven import uses_until
from gisteval.profiling.closed_form import forward
from gisteval.profiling.counted_form import counted_form
from gisteval.profiling.meta import Pass
from gisteval.profiling.passes import ServingMode, inputs_of, prepare, timed_pass
from gisteval.profiling.shapes import describe_config
from gisteval.records.schema import Example

EXAMPLE = Example("0", "t", "test", "say the first word twice", "cats, dogs and worlds", "yes")

DENSE = {"num_key_value_heads": 2, "intermediate_size": 72}
EXPERTS = {**DENSE, "num_experts_per_tok": 2, "moe_intermediate_size": 40}
FAMILIES = {
    "llama": DENSE,
    "mistral": DENSE,
    "gemma": {**DENSE, "head_dim": 16},
    "qwen3": {**DENSE, "head_dim": 12},
    "phi3": DENSE,
    "gpt2": {},
    "gpt_neox": {"intermediate_size": 72},
    "mixtral": {**EXPERTS, "num_local_experts": 5},
    "qwen2_moe": {**EXPERTS, "num_experts": 5, "shared_expert_intermediate_size": 24},
    "qwen3_moe": {**EXPERTS, "num_experts": 5, "head_dim": 8},
}


@pytest.fixture
def adapter(tiny_tokenizer):
    """Makes a random model of a family in its adapter; its experts, if any, are really routed."""
    from transformers import AutoConfig, AutoModelForCausalLM

    def make(name: str):
        config = AutoConfig.for_model(
            name,
            vocab_size=len(tiny_tokenizer),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=256,
            pad_token_id=tiny_tokenizer.pad_token_id,
            bos_token_id=None,
            eos_token_id=tiny_tokenizer.eos_token_id,
            **FAMILIES[name],
        )
        network = AutoModelForCausalLM.from_config(
            config, attn_implementation="eager", experts_implementation="eager"
        )
        architecture = architecture_of({"model_type": name}, "test")
        tokens = PromptTokenizer(tiny_tokenizer, architecture.template, 2, architecture.closes_input)
        return ADAPTERS[architecture](network.eval(), tokens).endless()

    return make


def counted(work: Callable[[], object]) -> int:
    """Matrix products of a piece of work, as torch counts them while it really runs."""
    with FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops())


@pytest.mark.parametrize("name", list(FAMILIES))
def test_work_is_what_the_adapter_runs(adapter, name):
    mode = ServingMode("gist-2", "compressed", adapter(name), Gist())
    model, inputs = mode.model, inputs_of(mode, [EXAMPLE])
    prompts = prepare(mode, [EXAMPLE])
    real = {
        "compress": counted(lambda: prepare(mode, [EXAMPLE])),
        "prefill": counted(lambda: model.run(prompts, inputs)),
        "both": counted(lambda: model.run(prompts, inputs).decode(4)),
    }
    real["decode"] = real.pop("both") - real["prefill"]

    shape = describe_config(name, model.model.config.to_dict())
    lengths = timed_pass(mode, [EXAMPLE], 4).lengths
    source = flop_source(shape)
    assert source.name == (CLOSED_FORM if name in ("llama", "mistral") else COUNTED)
    work = mean_flops(source.form, lengths, steps=3)
    if source.name == COUNTED:
        found = {phase: getattr(work, phase) for phase in real}
    else:  # what a closed form counts beside matrix products is left out
        (one,) = lengths
        found = {
            "compress": forward(shape.closed, one.compressed, 0, 0).matrix,
            "prefill": forward(shape.closed, one.run, one.cached, 1).matrix,
            "decode": sum(forward(shape.closed, 1, one.run + one.cached + n, 1).matrix for n in range(3)),
        }
    assert found == pytest.approx(real, rel=1e-3)


def test_the_output_matrix_runs_once_a_use_and_never_while_compressing():
    """A Gemma of 2B parameters: its output matrix costs a fifth of a token."""
    config = {
        "model_type": "gemma", "vocab_size": 256_000, "hidden_size": 2048, "intermediate_size": 16_384,
        "num_hidden_layers": 18, "num_attention_heads": 8, "num_key_value_heads": 1, "head_dim": 256,
    }  # fmt: skip
    form = flop_source(describe_config("gemma-2b", config)).form
    output = 2 * 2048 * 256_000
    assert form.forward(9, 4, 1) - form.forward(9, 4, 0) == output
    # 735 with the output matrix on every position, a prompt of 26 tokens and 16 decoded ones.
    once = form.forward(27, 0, 0)
    each = {cached: form.forward(34, cached, 1) + form.decode(34, cached, 16) for cached in (26, 1)}
    assert uses_until(once, each[26] - each[1]) == 582
    projections = 2 * 18 * (2 * 2048 * (2048 + 256) + 3 * 2048 * 16_384)
    assert form.forward(9, 0, 0) == 9 * projections + 4 * 9 * 9 * 2048 * 18


def test_experts_that_are_not_used_cost_nothing():
    config = {"model_type": "mixtral", "vocab_size": 96, "hidden_size": 32, "num_attention_heads": 4,
              "num_hidden_layers": 2, **FAMILIES["mixtral"]}  # fmt: skip
    counts = [{"num_local_experts": n, "num_experts_per_tok": used} for n, used in ((4, 1), (4, 2), (8, 2))]
    forms = [flop_source(describe_config("x", {**config, **count})).form for count in counts]
    one, two, more = (form.forward(1, 0, 0) for form in forms)
    expert, row_of_the_router = 2 * 3 * 32 * 72, 2 * 32
    assert two - one == 2 * expert
    assert more - two == 2 * 4 * row_of_the_router


def test_what_does_not_follow_from_the_lengths_is_refused():
    def windowed(step: Pass) -> int:
        return step.tokens * min(step.tokens + step.cached, 4)

    with pytest.raises(GistevalError, match="odd: its FLOPs do not follow"):
        counted_form("odd", windowed)
    with torch.no_grad(), pytest.raises(GistevalError, match="jetmoe: its FLOPs can't be counted"):
        small = {"model_type": "jetmoe", "hidden_size": 32, "num_hidden_layers": 1, "vocab_size": 50}
        flop_source(describe_config("x", {**small, "num_key_value_heads": 2, "kv_channels": 8}))
