"""The decoder-only adapter: prefixes, positions, limits and masks of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from gisteval.compressors.empty import Empty
from gisteval.compressors.full import Full
from gisteval.compressors.gist.gist import Gist
from gisteval.errors import GistevalError
from gisteval.masks import MaskRule
from gisteval.models.running.compressed import Accounting, Nothing, Prefix, Tokens
from gisteval.models.running.decoder import DecoderModel
from gisteval.models.running.padding import pad_left, positions
from gisteval.records.schema import Example

INSTRUCTIONS = ["say", "say the first word twice or maybe no " * 3, "repeat yes", "no maybe worlds " * 2]
INPUTS = ["cats, dogs and worlds", "", "dogs " * 12, "a"]
OUTPUTS = ["yes no maybe", "no", "m", "worlds and cats and dogs again"]
COMPRESSORS = {"gist": Gist(), "pos_control": Full(), "neg_control": Empty()}


def masked_nll(model, prompts, continuations, targets, rule) -> list[torch.Tensor]:
    """Teacher-forced loss of the uncached path."""
    found = model.predictions(prompts, continuations, targets, rule)
    return [
        torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(y), reduction="none")
        for y, logits in zip(targets, found, strict=True)
    ]


def assert_all_close(found, expected, tolerance=1e-4):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        assert float((one - other).abs().max()) <= tolerance


@pytest.mark.parametrize("condition", list(COMPRESSORS))
def test_conditions_differ_from_each_other(tiny_model, condition):
    model = tiny_model("llama", 1)
    scores = {
        name: torch.cat(model.score(compressor.compress(model, INSTRUCTIONS, None), INPUTS, OUTPUTS))
        for name, compressor in COMPRESSORS.items()
    }
    for other in set(COMPRESSORS) - {condition}:
        assert float((scores[condition] - scores[other]).abs().max()) > 1e-2


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_masked_rows_do_not_depend_on_their_batch(tiny_model, name):
    model, rule = tiny_model(name, 3), MaskRule("gist")
    prompts = Gist().prompts(model, INSTRUCTIONS)
    continuations = model.tokens.continuations(INPUTS)
    together = model.masked_logits(prompts, continuations, rule)
    alone = [model.masked_logits([p], [x], rule)[0] for p, x in zip(prompts, continuations, strict=True)]
    assert_all_close(together, alone, 1e-5)


def test_a_literal_gist_token_inside_the_instruction_is_no_gist(tiny_model):
    """Only the trailing k tokens are gists, on both paths."""
    model = tiny_model("llama", 1)
    instructions = ["say <GIST> twice"]
    prompts = Gist().prompts(model, instructions)
    assert prompts[0].count(model.tokens.gist_id) == 1
    continuations, targets = model.tokens.continuations(["cats"]), model.tokens.targets(["yes"])
    compressed = Gist().compress(model, instructions, None)
    cached = model.score(compressed, ["cats"], ["yes"])
    assert_all_close(cached, masked_nll(model, prompts, continuations, targets, MaskRule("gist")))
    assert compressed[0].accounting.source_tokens == len(prompts[0]) - 1


def test_a_batch_may_mix_prefixes_token_lists_and_nothing(tiny_model):
    model = tiny_model("gpt2", 3)
    ids = tuple(model.tokens.prompts(["say"])[0])
    accounting = Accounting(0, 0, 0, 0)
    mixed = [
        *Gist().compress(model, INSTRUCTIONS[:1], None),
        Tokens(ids, accounting),
        Nothing(9, accounting),
        *Full().compress(model, INSTRUCTIONS[1:2], None),
    ]
    together = model.score(mixed, INPUTS, OUTPUTS)
    alone = [
        model.score([prompt], [x], [y])[0] for prompt, x, y in zip(mixed, INPUTS, OUTPUTS, strict=True)
    ]
    assert_all_close(together, alone, 1e-5)


def test_generate_gives_the_text_of_the_decoded_tokens(tiny_model):
    model = tiny_model("llama", 1)
    compressed = Gist().compress(model, INSTRUCTIONS, None)
    texts = model.generate(compressed, INPUTS, 5)
    decoded = model.open(compressed, INPUTS).decode(5)
    assert texts == [model.tokens.decode(row.token_ids) for row in decoded]
    assert len(set(texts)) == len(texts)


def test_encode_keeps_the_last_slots_at_their_original_positions(tiny_model):
    model = tiny_model("llama", 3)
    prompts = Gist().prompts(model, INSTRUCTIONS)
    whole, gists = model.encode(prompts, None), model.encode(prompts, 3)
    for prompt, full, last in zip(prompts, whole, gists, strict=True):
        assert (full.next_position, last.next_position) == (len(prompt), len(prompt))
        assert (full.slots, last.slots) == (len(prompt), 3)
        assert full.accounting == Accounting(
            source_tokens=len(prompt) - 3,
            template_tokens=sum(model.tokens.template_ends(prompt[:-3])),
            kept=len(prompt),
            bytes=len(prompt) * model.slot_bytes,
        )
        assert last.accounting.bytes == 3 * model.slot_bytes
        for (keys, values), (last_keys, last_values) in zip(full.layers, last.layers, strict=True):
            assert torch.equal(keys[:, -3:], last_keys)
            assert torch.equal(values[:, -3:], last_values)


def test_slot_bytes_count_keys_and_values_of_the_grouped_heads(tiny_model):
    # 3 layers, keys and values, 4-byte floats: 2 key-value heads of size 8; GPT-2 has 4 of them.
    assert tiny_model("llama", 1).slot_bytes == 3 * 2 * 4 * 2 * 8
    assert tiny_model("gpt2", 1).slot_bytes == 3 * 2 * 4 * 4 * 8


def test_a_prompt_over_the_context_is_refused(tiny_model):
    model = tiny_model("gpt2", 1)
    with pytest.raises(GistevalError, match="a prompt of 257 tokens exceeds the context of 256"):
        model.encode([[5] * 257, [5]], None)


def test_fitting_counts_prompt_gists_input_and_reference(tiny_model, tiny_network):
    model = tiny_model("llama", 3)
    example = Example("1", "tiny", "test", INSTRUCTIONS[1], "cats", "yes no")
    total = len(Gist().prompts(model, [example.instruction])[0])
    total += len(model.tokens.continuations(["cats"])[0]) + len(model.tokens.targets(["yes no"])[0])
    network = tiny_network("llama")
    network.config.max_position_embeddings = total
    assert DecoderModel(network, model.tokens).fitting([example]) == [example]
    network.config.max_position_embeddings = total - 1
    shorter = replace(example, output="yes")
    assert DecoderModel(network, model.tokens).fitting([example, shorter]) == [shorter]


@pytest.mark.parametrize(("name", "window"), [("mistral", 64), ("qwen2", None)])
def test_context_is_the_narrowest_window_in_use(tiny_network, tiny_model, name, window):
    network = tiny_network(name)
    network.config.sliding_window = 64
    assert DecoderModel(network, tiny_model(name, 1).tokens).context == 256


def test_restarting_the_positions_would_be_noticed(tiny_model):
    """The tests above can fail: with positions that restart behind the gists, the losses differ."""
    for name in ("llama", "mistral", "qwen2", "gpt2"):
        model = tiny_model(name, 3)
        compressed = Gist().compress(model, INSTRUCTIONS, None)
        assert all(isinstance(prompt, Prefix) for prompt in compressed)
        shifted = [replace(prompt, next_position=3) for prompt in compressed]
        right = torch.cat(model.score(compressed, INPUTS, OUTPUTS))
        wrong = torch.cat(model.score(shifted, INPUTS, OUTPUTS))
        assert float((right - wrong).abs().max()) > 0.1


def test_pad_left_and_positions():
    ids, present = pad_left([[7, 8, 9], [], [5]], torch.device("cpu"))
    assert ids.tolist() == [[7, 8, 9], [0, 0, 0], [0, 0, 5]]
    assert present.tolist() == [[True] * 3, [False] * 3, [False, False, True]]
    assert positions(present, 0).tolist() == [[0, 1, 2], [0, 0, 0], [0, 0, 0]]
    assert positions(present, torch.tensor([10, 20, 30])).tolist() == [[10, 11, 12], [0, 0, 0], [0, 0, 30]]
