"""The self-check passes on what is right and refuses every way in which a path can break."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from planted_faults import FAULTS

from gisteval import masks
from gisteval.compressors.empty import Empty
from gisteval.compressors.full import Full
from gisteval.compressors.gist.gist import Gist
from gisteval.compressors.pruning.truncate import Truncate
from gisteval.errors import InvalidRun
from gisteval.generation.selfcheck import AgainstStock, check_cached_path
from gisteval.generation.selfcheck.control import CEILING, FACTOR, FLOOR
from gisteval.models.running import continuation, padding
from gisteval.models.running.decoder import DecoderModel
from gisteval.models.running.windows import Window
from gisteval.records.budget import Budget
from gisteval.records.schema import Example

TEXTS = [
    ("say", "cats, dogs", "yes no"),
    ("say the first word twice or maybe no " * 2, "", "no"),
    ("repeat yes", "worlds " * 6, "cats and dogs"),
    ("maybe", "a", "m"),
]
EXAMPLES = [Example(str(number), "tiny", "test", *texts) for number, texts in enumerate(TEXTS)]
LONG = Example("long", "tiny", "test", "say maybe no " * 20, "cats", "yes")


def check(model, compressor=None, budget=None, examples=EXAMPLES):
    return check_cached_path(model, compressor or Gist(), budget and Budget(budget), examples)


@pytest.mark.parametrize("name", ["llama", "mistral", "qwen2", "gpt2", "t5"])
@pytest.mark.parametrize("compressor", [Gist(), Full(), Empty(), Truncate()], ids=lambda c: c.name)
def test_passes_on_a_right_model(tiny_model, name, compressor):
    model = tiny_model(name, 3)
    result = check(model, compressor)
    assert result.examples == 4
    references = sum(map(len, model.tokens.targets([e.output for e in EXAMPLES])))
    assert references < result.tokens <= 4 * references  # each row goes on with the others'
    assert result.max_nll_difference < 1e-4
    assert result.greedy_mismatches == result.broken_rows == 0
    assert result.tolerance == FLOOR  # float32 is far below it
    found = result.to_json()
    differences = ("loss", "decoded", "batch", "stock")
    assert all(0 <= found[f"{name}_difference"] < 1e-5 for name in differences)
    assert 0 < found["rounding"] < 1e-5


@pytest.mark.parametrize(("budget", "window"), [(None, 2), (5, 2), (3, 0), (400, 0)])
def test_passes_with_a_leak_window_from_the_record_or_a_budget(tiny_model, budget, window):
    """A budget of k + 2 on a model without a window equals a window of 2."""
    plain = tiny_model("llama", 3)
    model = DecoderModel(plain.model, plain.tokens, leak_window=window)
    assert check(model, Gist(), budget).max_nll_difference < 1e-4
    with pytest.raises(InvalidRun):
        check(DecoderModel(plain.model, plain.tokens, leak_window=1), LeakFreeGist())


def test_passes_in_bfloat16_within_its_rounding(tiny_network, tiny_model):
    model = DecoderModel(tiny_network("llama").to(torch.bfloat16), tiny_model("llama", 1).tokens)
    result = check(model)
    assert 0 < result.max_nll_difference < 0.2
    assert 0 < max(result.loss_difference, result.decoded_difference) < result.tolerance
    assert result.tolerance == FACTOR * result.rounding < 0.1


def test_the_control_is_the_same_each_time_and_leaves_the_model_as_it_was(tiny_model):
    model = tiny_model("llama", 1)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first, second = check(model), check(model)
    assert first == second
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(module._forward_hooks for module in model.model.modules())


def test_no_example_to_check_is_an_invalid_run(tiny_model):
    with pytest.raises(InvalidRun, match="no example fits into the model's context"):
        check_cached_path(tiny_model("llama", 1), Gist(), None, [])


def test_works_at_the_very_end_of_a_context_with_learned_positions(tiny_model):
    """Decoding may use the last position; the uncached pass must not ask for one behind it."""
    model = tiny_model("gpt2", 1)
    example = EXAMPLES[0]
    words = 0
    while model.fitting([replace(example, input="yes " * (words + 1))]):
        words += 1
    full = replace(example, input="yes " * words)
    assert check_cached_path(model, Gist(), None, [full], greedy_tokens=20).greedy_mismatches == 0


class LeakFreeGist(Gist):
    """Keeps no token beside the gists, whatever window its proof is told of."""

    def compress(self, model, instructions, budget):
        return super().compress(model, instructions, Budget(model.tokens.k))


class RestartingGist(Gist):
    """Positions restart behind the gists, the classic mistake."""

    def compress(self, model, instructions, budget):
        compressed = super().compress(model, instructions, budget)
        return [replace(prompt, next_position=model.tokens.k) for prompt in compressed]


class ShiftedGist(Gist):
    """Keeps the slots before the gists instead of the gists."""

    def compress(self, model, instructions, budget):
        k = model.tokens.k
        whole = model.encode(self.prompts(model, instructions), None)
        return [
            replace(
                prompt,
                layers=tuple((keys[:, :k], values[:, :k]) for keys, values in prompt.layers),
            )
            for prompt in whole
        ]


class ExchangedGist(Gist):
    """Gives every instruction the gists of another one."""

    def compress(self, model, instructions, budget):
        return super().compress(model, instructions, budget)[::-1]


class EverythingAsGist(Gist):
    """Compresses nothing, and says it did."""

    def compress(self, model, instructions, budget):
        return model.encode(self.prompts(model, instructions), None)


@pytest.mark.parametrize("name", ["llama", "gpt2"])
@pytest.mark.parametrize("broken", [RestartingGist, ShiftedGist, ExchangedGist, EverythingAsGist])
def test_fails_when_the_compressor_is_broken(tiny_model, name, broken):
    with pytest.raises(InvalidRun, match="self-check failed for compressor gist"):
        check(tiny_model(name, 3), broken())


def test_fails_when_positions_restart_in_the_continuation(tiny_model, monkeypatch):
    monkeypatch.setattr(
        "gisteval.models.running.decoder_continuation.positions",
        lambda present, start: (present.cumsum(1) - 1).clamp(min=0),
    )
    with pytest.raises(InvalidRun, match="cached and masked paths differ"):
        check(tiny_model("llama", 1))


def test_fails_when_the_prefill_mask_forgets_padding(tiny_model, monkeypatch):
    prefill = masks.prefill_mask
    monkeypatch.setattr(
        "gisteval.masks.prefill_mask",
        lambda visible, queries: prefill(torch.ones_like(visible), queries),
    )
    with pytest.raises(InvalidRun, match="cached and masked paths differ"):
        check(tiny_model("llama", 1))


@pytest.mark.parametrize("early", [True, False])
def test_fails_when_decoding_ends_elsewhere_than_the_masked_path(tiny_model, monkeypatch, early):
    """Ending too early leaves fewer tokens to compare, all of them right: it must be noticed."""
    decode = continuation.Continuation.decode

    def cut(self, limit):
        return [
            continuation.Decoded(row.token_ids[:2] if early else row.token_ids, True)
            for row in decode(self, limit)
        ]

    monkeypatch.setattr(continuation.Continuation, "decode", cut)
    with pytest.raises(InvalidRun, match="in 4 greedy continuations"):
        check(tiny_model("llama", 1))


def test_fails_on_weights_that_are_not_numbers(tiny_network, tiny_model):
    """NaN on both paths must not compare as equal."""
    network = copy.deepcopy(tiny_network("llama"))
    with torch.no_grad():
        network.get_output_embeddings().weight[7] = float("nan")
    with pytest.raises(InvalidRun, match="the logits of 0 are not finite"):
        check(DecoderModel(network, tiny_model("llama", 1).tokens))


def test_fails_where_all_own_paths_agree_and_the_stock_model_does_not(tiny_model, monkeypatch):
    """GPT-2 learned its positions: one too many is wrong alike in the masked and the cached pass."""
    stock, ruled = padding.positions, masks.token_positions
    monkeypatch.setattr(masks, "token_positions", lambda roles, rule: ruled(roles, rule) + 1)
    for module in ("decoder_continuation", "prefill"):
        monkeypatch.setattr(
            f"gisteval.models.running.{module}.positions",
            lambda present, start: torch.where(present, stock(present, start) + 1, 0),
        )
    with pytest.raises(InvalidRun, match="over a whole prompt and the stock model's differ by"):
        check(tiny_model("gpt2", 1), Full())


@pytest.mark.parametrize("compressor", [Gist(), Full(), Empty()], ids=lambda c: c.name)
def test_fails_where_a_row_depends_on_the_rows_beside_it(tiny_network, tiny_model, compressor):
    """As with rotary factors that are chosen by the longest row of a batch: both own paths share it."""
    model = DecoderModel(copy.deepcopy(tiny_network("llama")), tiny_model("llama", 1).tokens)

    def stretch(module, args, kwargs):
        place = kwargs["position_ids"]
        return args, {**kwargs, "position_ids": place * 4 if int(place.max()) > 60 else place}

    model.model.model.rotary_emb.register_forward_pre_hook(stretch, with_kwargs=True)
    assert check(model, compressor).stock_difference < 1e-5  # nobody is long
    with pytest.raises(InvalidRun, match="the stock model's differ by"):
        check(model, compressor, examples=[*EXAMPLES, LONG])


def test_fails_where_a_row_alone_differs_and_the_stock_model_can_not_tell(
    tiny_network, tiny_model, monkeypatch
):
    model = DecoderModel(copy.deepcopy(tiny_network("llama")), tiny_model("llama", 1).tokens)

    def stretch(module, args, kwargs):
        place = kwargs["position_ids"]
        return args, {**kwargs, "position_ids": place * 4 if len(place) > 1 else place}

    model.model.model.rotary_emb.register_forward_pre_hook(stretch, with_kwargs=True)
    monkeypatch.setattr(AgainstStock, "differences", lambda self, model, rows: ([], []))
    with pytest.raises(InvalidRun, match=r"alone and beside other rows .* depend on the batch"):
        check(model)


def test_fails_beyond_a_window_that_only_the_longest_row_reaches(tiny_network, tiny_model, monkeypatch):
    """The stock model attends to so many tokens before each; both of our passes would attend to all."""
    network = copy.deepcopy(tiny_network("mistral"))
    network.config.sliding_window = 70
    model = DecoderModel(network, tiny_model("mistral", 1).tokens)
    assert check(model, examples=[*EXAMPLES, LONG]).stock_difference < 1e-5
    everything = torch.tensor([[[True]]])
    monkeypatch.setattr(Window, "visible", lambda window, queries, keys: everything)
    assert check(model).stock_difference < 1e-5
    with pytest.raises(InvalidRun, match="the stock model's differ by"):
        check(model, examples=[*EXAMPLES, LONG])


def test_noise_that_hides_everything_is_no_excuse(tiny_model, monkeypatch):
    """Beyond a nat the tolerance grows no more, and the message says what helps."""
    monkeypatch.setattr("gisteval.generation.selfcheck.passes.rounding_unit", lambda model: 2.0)
    model = tiny_model("llama", 3)
    assert check(model).tolerance == CEILING
    with (
        FAULTS["loss: two rows swapped"](model),
        pytest.raises(InvalidRun, match=r"rounding explains 1; .*; try --dtype float32"),
    ):
        check(model)
