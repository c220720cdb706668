"""The encoder-decoder adapter: what its encoder keeps, what can't leak, and stock `generate` beside it."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from transformers.modeling_outputs import BaseModelOutput

from gisteval.compressors.empty import Empty
from gisteval.compressors.full import Full
from gisteval.compressors.gist.gist import Gist
from gisteval.compressors.pruning.truncate import Truncate
from gisteval.errors import GistevalError
from gisteval.masks import CONTINUATION, GIST, PROMPT, MaskRule, additive, source_visibility
from gisteval.models.running.cache import GrowingCache
from gisteval.models.running.compressed import Accounting, EncoderState, Nothing, Tokens
from gisteval.models.running.encoder_decoder import EncoderDecoderContinuation, encoder_cache
from gisteval.records.budget import Budget
from gisteval.records.schema import Example

INSTRUCTIONS = ["say", "say the first word twice or maybe no " * 3, "repeat yes", "no maybe worlds " * 2]
INPUTS = ["cats, dogs and worlds", "", "dogs " * 12, "a"]
OUTPUTS = ["yes no maybe", "no", "m", "worlds and cats and dogs again"]
SAY, REPEAT = "say the first word", "say the maybe word"
"""Two instructions of the same length in tokens."""

ACCOUNTING = Accounting(0, 0, 0, 0)


def roles_of(prompt, k: int, continuation) -> torch.Tensor:
    return torch.tensor([[PROMPT] * (len(prompt) - k) + [GIST] * k + [CONTINUATION] * len(continuation)])


def encoder_states(model, prompt, continuation, condition) -> torch.Tensor:
    """Final states of one row by a plain call of the stock encoder."""
    mask = source_visibility(roles_of(prompt, model.tokens.k, continuation), MaskRule(condition))
    with torch.inference_mode():
        return model.model.encoder(
            input_ids=torch.tensor([[*prompt, *continuation]]),
            attention_mask=additive(mask, torch.float32)[:, None],
        ).last_hidden_state[0]


@pytest.mark.parametrize(
    ("condition", "depends"), [("gist", False), ("neg_control", False), ("pos_control", True)]
)
def test_states_of_the_prompt_depend_on_the_input_under_the_positive_control_only(
    tiny_model, condition, depends
):
    model = tiny_model("t5", 3)
    prompt = Gist().prompts(model, [SAY])[0]
    x = model.tokens.continuations(["cats, dogs"])[0]
    one, other = (encoder_states(model, prompt, ids, condition)[: len(prompt)] for ids in (x, x[::-1]))
    assert torch.equal(one, other) != depends


def test_kept_states_are_those_of_the_masked_encoder(tiny_model):
    model = tiny_model("t5", 3)
    prompts = Gist().prompts(model, INSTRUCTIONS)
    inputs = model.tokens.continuations(INPUTS)
    for prompt, x, state in zip(prompts, inputs, Gist().compress(model, INSTRUCTIONS, None), strict=True):
        masked = encoder_states(model, prompt, x, "gist")
        assert torch.allclose(state.hidden, masked[len(prompt) - 3 : len(prompt)], atol=1e-5)
        hidden, present = model.encode_behind([state], [x])
        assert present.all()
        assert torch.allclose(hidden[0], masked[len(prompt) - 3 :], atol=1e-5)


def test_hidden_slots_cannot_change_a_logit(tiny_model):
    """The instruction is exchanged while the gists' states are held fixed: bit by bit the same."""
    model = tiny_model("t5", 3)
    own, other = model.encode(Gist().prompts(model, [SAY, REPEAT]), None)
    x = model.tokens.continuations(["cats"])[0]
    roles = roles_of([0] * own.slots, 3, x)
    mask = source_visibility(roles, MaskRule("gist"))[:, None, own.slots :]

    def logits(layers, before) -> torch.Tensor:
        cache = GrowingCache.from_rows([layers])
        with torch.inference_mode(), encoder_cache(model.model, cache):
            behind = model.model.encoder(
                input_ids=torch.tensor([x]), attention_mask=additive(mask, torch.float32)
            ).last_hidden_state
        hidden = torch.cat([before[None], behind], dim=1)
        return EncoderDecoderContinuation(model, hidden, roles >= GIST).last_logits

    def exchanged(slots: slice):
        layers = [(keys.clone(), values.clone()) for keys, values in own.layers]
        hidden = own.hidden.clone()
        hidden[slots] = other.hidden[slots] * 100
        for (keys, values), (other_keys, other_values) in zip(layers, other.layers, strict=True):
            keys[:, slots], values[:, slots] = other_keys[:, slots], other_values[:, slots] * 100
        return layers, hidden

    untouched = logits(own.layers, own.hidden)
    kept = model.run([model.encode(Gist().prompts(model, [SAY]), 3)[0]], [x]).last_logits
    assert torch.allclose(untouched, kept, atol=1e-5)
    assert torch.equal(untouched, logits(*exchanged(slice(0, -3))))
    # A gist slot exchanged does change them: the comparison above can fail.
    assert float((untouched - logits(*exchanged(slice(-1, None)))).abs().max()) > 1e-2


def cut(model, generated: torch.Tensor) -> list[int]:
    """Generated ids behind the start token, up to the end token."""
    ids = generated.tolist()[1:]
    return ids[: min((ids.index(end) for end in model.end_ids if end in ids), default=len(ids))]


@pytest.mark.parametrize("name", ["t5", "umt5"])
@pytest.mark.parametrize("condition", ["gist", "pos_control", "neg_control"])
def test_greedy_answers_are_those_of_stock_generate(tiny_model, name, condition):
    """Stock encoder under a 4D mask (none for the positive control), then stock `generate`."""
    model = tiny_model(name, 3)
    compressor = {"gist": Gist(), "pos_control": Full(), "neg_control": Empty()}[condition]
    decoded = model.open(compressor.compress(model, INSTRUCTIONS, None), INPUTS).decode(8)
    prompts, inputs = Gist().prompts(model, INSTRUCTIONS), model.tokens.continuations(INPUTS)
    for prompt, x, row in zip(prompts, inputs, decoded, strict=True):
        roles = roles_of(prompt, 3, x)
        seen = {"gist": roles >= GIST, "neg_control": roles >= CONTINUATION, "pos_control": roles >= 0}
        options = {"input_ids": torch.tensor([[*prompt, *x]])}
        if condition != "pos_control":
            states = encoder_states(model, prompt, x, condition)[None]
            options = {"encoder_outputs": BaseModelOutput(last_hidden_state=states)}
        generated = model.model.generate(
            attention_mask=seen[condition].long(),
            do_sample=False,
            max_new_tokens=8,
            suppress_tokens=model.suppressed_ids,
            **options,
        )
        assert list(row.token_ids) == cut(model, generated[0])


def test_accounting_counts_keys_values_and_final_states(tiny_model):
    model = tiny_model("t5", 3)
    # 3 encoder layers, keys and values of 4 heads of size 8, a final state of 32, 4-byte floats.
    assert model.slot_bytes == 4 * (3 * 2 * 4 * 8 + 32)
    plain = model.tokens.prompts(INSTRUCTIONS)
    for ids, state in zip(plain, Gist().compress(model, INSTRUCTIONS, None), strict=True):
        assert isinstance(state, EncoderState)
        template = sum(model.tokens.template_ends(ids))
        assert state.accounting == Accounting(len(ids), template, 3, 3 * model.slot_bytes)
    for ids, whole in zip(plain, Full().compress(model, INSTRUCTIONS, None), strict=True):
        template = sum(model.tokens.template_ends(ids))
        assert whole == Tokens(
            (*ids, *model.tokens.gists),
            Accounting(len(ids), template, len(ids) + 3, 4 * (len(ids) + 3)),
        )


def test_a_batch_may_mix_states_token_lists_and_nothing(tiny_model):
    model = tiny_model("t5", 3)
    mixed = [
        Nothing(9, ACCOUNTING),
        *Gist().compress(model, INSTRUCTIONS[:1], None),
        *Truncate().compress(model, INSTRUCTIONS[1:2], Budget(slots=11)),
        *Gist().compress(model, INSTRUCTIONS[1:2], Budget(slots=20)),
    ]
    assert [type(prompt) for prompt in mixed] == [Nothing, EncoderState, Tokens, EncoderState]
    together = model.score(mixed, INPUTS, OUTPUTS)
    for row, prompt in enumerate(mixed):
        alone = model.score([prompt], INPUTS[row : row + 1], OUTPUTS[row : row + 1])[0]
        assert torch.allclose(together[row], alone, atol=2e-5)


def test_slots_in_another_order_are_noticed(tiny_model):
    """The relative bias makes the order of the slots matter: positions are not lost in the cache."""
    model = tiny_model("t5", 3)
    (state,) = Gist().compress(model, [SAY], None)
    layers = tuple((keys.flip(1), values.flip(1)) for keys, values in state.layers)
    turned = replace(state, layers=layers)
    right, wrong = model.score([state, turned], ["cats", "cats"], ["yes no"] * 2)
    assert float((right - wrong).abs().max()) > 1e-3


def test_any_length_fits(tiny_model):
    example = Example("1", "tiny", "test", "say " * 5000, "cats", "yes")
    assert tiny_model("t5", 1).fitting([example]) == [example]


def test_hooks_are_gone_afterwards_also_after_an_error(tiny_model):
    model = tiny_model("t5", 1).model
    with pytest.raises(RuntimeError, match="on purpose"), encoder_cache(model, GrowingCache(3)):
        assert all(block._forward_pre_hooks for block in model.encoder.block)
        raise RuntimeError("on purpose")
    assert not any(block._forward_pre_hooks for block in model.encoder.block)


def test_each_architecture_refuses_the_states_of_the_other(tiny_model):
    llama, t5 = tiny_model("llama", 1), tiny_model("t5", 1)
    prefix, state = Gist().compress(llama, [SAY], None), Gist().compress(t5, [SAY], None)
    with pytest.raises(GistevalError, match="can't read the cache of a decoder"):
        t5.open(prefix, ["cats"])
    with pytest.raises(GistevalError, match="can't read the states of an encoder"):
        llama.open(state, ["cats"])


def test_another_start_token_is_read_from_the_configuration(tiny_network, tiny_model):
    tokens = tiny_model("t5", 1).tokens
    network = copy.deepcopy(tiny_network("t5"))
    model = type(tiny_model("t5", 1))(network, tokens)
    assert model.start_id == tokens.tokenizer.pad_token_id
    network.config.decoder_start_token_id = 7
    other = type(model)(network, tokens)
    assert other.start_id == 7
    prompts = Gist().compress(other, [SAY], None)
    differ = [m.open(prompts, ["cats"]).last_logits for m in (model, other)]
    assert not torch.allclose(*differ, atol=1e-3)


def test_selecting_slots_and_running_behind_a_prompt_are_refused_in_one_line(tiny_model):
    model = tiny_model("t5", 1)
    states = model.encode([[5, 6, 7]])
    for options in ({"select": lambda view: []}, {"behind": states}):
        with pytest.raises(GistevalError, match="slots can't be selected, nor prompts run behind others"):
            model.encode([[5, 6, 7]], **options)
    with pytest.raises(ValueError, match="keeps the last slots of a prompt, not chosen ones"):
        model.predictions([[5, 6]], [[7]], [[8]], [(torch.zeros(4, 1, dtype=torch.long),)])
