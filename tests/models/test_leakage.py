"""Nothing of an instruction reaches an answer but through what was kept of it."""

from __future__ import annotations

import pytest
import torch
from transformers import DynamicCache

from gisteval.compressors.empty import Empty
from gisteval.compressors.gist.gist import Gist
from gisteval.masks import CONTINUATION, GIST, PROMPT, MaskRule, additive, visibility

NETWORKS = ["llama", "mistral", "qwen2", "gpt2"]
SAY, REPEAT = "say the first word", "say the maybe word"
"""Two instructions of the same length in tokens."""


@pytest.fixture
def continuation_logits(tiny_model):
    """Logits of an input behind a cache that holds the whole prompt, hidden by the gist mask alone.

    states: per layer (keys, values) of every prompt slot. The stock model and cache are called
    directly, so that the slots a gist model would drop can be tampered with.
    """

    def run(model, states, ids: list[int]) -> torch.Tensor:
        slots = states[0][0].shape[1]
        roles = torch.tensor(
            [[PROMPT] * (slots - model.tokens.k) + [GIST] * model.tokens.k + [CONTINUATION] * len(ids)]
        )
        mask = visibility(roles, MaskRule("gist"))[:, None, slots:]
        cache = DynamicCache()
        for layer, (keys, values) in enumerate(states):
            cache.update(keys[None].clone(), values[None].clone(), layer)
        with torch.inference_mode():
            output = model.model(
                input_ids=torch.tensor([ids]),
                attention_mask=additive(mask, torch.float32),
                position_ids=torch.arange(slots, slots + len(ids))[None],
                past_key_values=cache,
            )
        return output.logits[0]

    return run


@pytest.mark.parametrize("name", NETWORKS)
def test_hidden_slots_cannot_change_a_logit(tiny_model, continuation_logits, name):
    """The instruction is exchanged while the gists' states are held fixed: bit by bit the same."""
    model = tiny_model(name, 3)
    own, other = model.encode(Gist().prompts(model, [SAY, REPEAT]), None)
    assert own.slots == other.slots
    ids = model.tokens.continuations(["cats"])[0]
    tampered = []
    for (keys, values), (other_keys, other_values) in zip(own.layers, other.layers, strict=True):
        keys, values = keys.clone(), values.clone()
        keys[:, :-3], values[:, :-3] = other_keys[:, :-3], other_values[:, :-3] * 100
        tampered.append((keys, values))
    untouched = continuation_logits(model, own.layers, ids)
    assert torch.equal(untouched, continuation_logits(model, tampered, ids))
    # The same cache with a gist slot exchanged does change them: the comparison above can fail.
    for (keys, values), (other_keys, other_values) in zip(tampered, other.layers, strict=True):
        keys[:, -1], values[:, -1] = other_keys[:, -1], other_values[:, -1]
    assert float((untouched - continuation_logits(model, tampered, ids)).abs().max()) > 1e-2


@pytest.mark.parametrize("name", NETWORKS)
def test_hiding_slots_equals_dropping_them(tiny_model, continuation_logits, name):
    model = tiny_model(name, 3)
    whole = model.encode(Gist().prompts(model, [SAY]), None)[0]
    ids = model.tokens.continuations(["cats"])[0]
    hidden = continuation_logits(model, whole.layers, ids)
    dropped = model.open(Gist().compress(model, [SAY], None), ["cats"]).last_logits
    assert float((hidden[-1] - dropped[0]).abs().max()) <= 1e-5


@pytest.mark.parametrize("name", [*NETWORKS, "t5"])
def test_gists_of_other_instructions_change_the_answers(tiny_model, name):
    model = tiny_model(name, 1)
    compressed = Gist().compress(model, [SAY, REPEAT], None)
    inputs, outputs = ["cats", "cats"], ["yes no", "yes no"]
    own = model.score(compressed, inputs, outputs)
    shuffled = model.score(compressed[::-1], inputs, outputs)
    assert torch.allclose(own[0], shuffled[1], atol=1e-5)
    assert float((own[0] - shuffled[0]).abs().max()) > 1e-2


@pytest.mark.parametrize("name", [*NETWORKS, "t5"])
def test_negative_control_depends_on_the_length_of_the_instruction_only(tiny_model, name):
    model = tiny_model(name, 1)
    say, repeat, longer = model.score(
        Empty().compress(model, [SAY, REPEAT, SAY * 2], None), ["cats"] * 3, ["yes no"] * 3
    )
    assert torch.equal(say, repeat)
    # Rotary positions are relative, so only learned ones notice that the input starts elsewhere.
    shift = float((say - longer).abs().max())
    assert shift > 1e-2 if name == "gpt2" else shift < 1e-4
    prompts = Empty().prompts(model, [SAY, REPEAT])
    inputs = model.tokens.continuations(["cats", "cats"])
    masked = model.predictions(prompts, inputs, [[], []], MaskRule("neg_control"))
    assert torch.equal(masked[0], masked[1])


def test_a_gist_remembers_its_own_instruction(tiny_model):
    """The gists of two instructions differ in every layer but the first keys, which see one token only."""
    model = tiny_model("llama", 1)
    say, repeat = Gist().compress(model, [SAY, REPEAT], None)
    for layer, (one, other) in enumerate(zip(say.layers, repeat.layers, strict=True)):
        for first, second in zip(one, other, strict=True):
            assert torch.allclose(first, second, atol=1e-6) == (layer == 0)
