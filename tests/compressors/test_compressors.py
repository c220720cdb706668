"""One matrix for every compressor: accounting, independence of the batch, and what equals what."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from gisteval.compressors.empty import Empty
from gisteval.compressors.full import Full
from gisteval.compressors.gist.gist import Gist
from gisteval.compressors.proof import MaskedRule, Rerun
from gisteval.compressors.pruning.truncate import Truncate
from gisteval.errors import GistevalError
from gisteval.masks import MaskRule
from gisteval.models.running.compressed import Accounting, Nothing, Prefix, Tokens
from gisteval.models.running.decoder import DecoderModel
from gisteval.records.budget import Budget
from gisteval.registry import COMPRESSORS

INSTRUCTIONS = ["say", "say the first word twice or maybe no " * 2, "repeat yes or no"]
INPUTS = ["cats, dogs", "", "worlds"]
OUTPUTS = ["yes no", "no", "cats and dogs"]

MATRIX = [
    ("full", None),
    ("gist", None),
    ("gist", Budget(5)),
    ("empty", None),
    ("truncate", None),
    ("truncate", Budget(11)),
    ("truncate", Budget(share=0.5)),
]
PROOFS = {
    "full": MaskRule("pos_control"),
    "gist": MaskRule("gist"),
    "empty": MaskRule("neg_control"),
}


def same_prompt(one, other) -> bool:
    """Equal up to rounding, accounting included."""
    if isinstance(one, Prefix):
        states = zip(
            (state for pair in one.layers for state in pair),
            (state for pair in other.layers for state in pair),
            strict=True,
        )
        same = all(torch.allclose(first, second, atol=1e-5) for first, second in states)
        return same and (one.next_position, one.accounting) == (other.next_position, other.accounting)
    return one == other


@pytest.mark.parametrize(("name", "budget"), MATRIX, ids=str)
def test_each_instruction_is_compressed_on_its_own(tiny_model, name, budget):
    model, compressor = tiny_model("llama", 3), COMPRESSORS.load(name)()
    assert compressor.name == name
    together = compressor.compress(model, INSTRUCTIONS, budget)
    assert len(together) == len(INSTRUCTIONS)
    for instruction, compressed in zip(INSTRUCTIONS, together, strict=True):
        assert same_prompt(compressor.compress(model, [instruction], budget)[0], compressed)


@pytest.mark.parametrize(("name", "budget"), MATRIX, ids=str)
def test_each_proof_says_what_stays_visible(tiny_model, name, budget):
    model, compressor = tiny_model("llama", 3), COMPRESSORS.load(name)()
    compressed = compressor.compress(model, INSTRUCTIONS, budget)
    proof = compressor.proof(model, INSTRUCTIONS, budget, compressed)
    if name not in PROOFS:
        assert proof == Rerun([prompt.token_ids for prompt in compressed])
        return
    leaked = budget.slots - 3 if budget else 0
    assert proof == MaskedRule(
        compressor.prompts(model, INSTRUCTIONS), replace(PROOFS[name], leak_window=leaked)
    )


def template_tokens(model, instruction: str) -> tuple[int, int]:
    """Tokens of a prompt without a character of the instruction, and those of them behind it.

    By the places in the text that the tokenizer itself gives: a second way to count.
    """
    text = model.tokens.template.prompt(instruction)
    start = text.index(instruction)
    end = start + len(instruction)
    encoded = model.tokens.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    places = encoded["offset_mapping"]
    behind = sum(first >= end for first, _ in places)
    return sum(last <= start for _, last in places) + behind, behind


@pytest.mark.parametrize(("name", "budget"), MATRIX, ids=str)
def test_prompt_and_gists_are_counted_apart(tiny_model, name, budget):
    model, compressor = tiny_model("gpt2", 3), COMPRESSORS.load(name)()
    plain = model.tokens.prompts(INSTRUCTIONS)
    assert compressor.prompts(model, INSTRUCTIONS) == [ids + model.tokens.gists for ids in plain]
    for ids, text, compressed in zip(
        plain, INSTRUCTIONS, compressor.compress(model, INSTRUCTIONS, budget), strict=True
    ):
        template, tail = template_tokens(model, text)
        slots = budget and budget.of(len(ids) - template)
        kept = {
            "full": len(ids) + 3,
            "gist": slots or 3,
            "empty": 0,
            "truncate": min(len(ids), template + (slots or 8)),
        }[name]
        size = {"full": model.slot_bytes, "gist": model.slot_bytes, "empty": 0, "truncate": 4}[name]
        found = compressed.accounting
        assert found == Accounting(len(ids), template, kept, kept * size)
        # The end of the template stands right before the gists, so a window over them reaches it first.
        leaked = min(tail, kept - 3) if name == "gist" else 0
        assert found.kept_template == {"gist": leaked, "empty": 0}.get(name, template)
        asked = {"gist": slots or 3, "truncate": min(len(ids) - template, slots or 8)}.get(name)
        assert found.asked == asked


@pytest.mark.parametrize("name", ["llama", "mistral", "qwen2", "gpt2"])
def test_a_gist_budget_of_the_whole_prompt_is_no_compression(tiny_model, name):
    model = tiny_model(name, 3)
    whole = Full().compress(model, INSTRUCTIONS, None)
    longest = max(prompt.slots for prompt in whole)
    for budget in (longest, 10 * longest):
        for kept, full in zip(Gist().compress(model, INSTRUCTIONS, Budget(budget)), whole, strict=True):
            assert (kept.next_position, kept.accounting) == (full.next_position, full.accounting)
            for one, other in zip(kept.layers, full.layers, strict=True):
                assert torch.equal(one[0], other[0])
                assert torch.equal(one[1], other[1])


@pytest.mark.parametrize("name", ["llama", "mistral", "qwen2", "gpt2"])
def test_truncation_over_the_whole_prompt_is_no_compression(tiny_model, name):
    model = tiny_model(name, 0)
    truncated = Truncate().compress(model, INSTRUCTIONS, Budget(200))
    whole = Full().compress(model, INSTRUCTIONS, None)
    assert [t.accounting.kept for t in truncated] == [w.accounting.kept for w in whole]
    scores, expected = (model.score(prompts, INPUTS, OUTPUTS) for prompts in (truncated, whole))
    for one, other in zip(scores, expected, strict=True):
        assert torch.equal(one, other)
    assert model.generate(truncated, INPUTS, 6) == model.generate(whole, INPUTS, 6)


def test_truncation_runs_the_instructions_first_tokens_in_their_template(tiny_model):
    model = tiny_model("gpt2", 0)
    ids = model.tokens.prompts([INSTRUCTIONS[1]])[0]
    compressed = Truncate().compress(model, [INSTRUCTIONS[1]], Budget(4))[0]
    assert isinstance(compressed, Tokens)
    assert model.tokens.tokenizer.decode(compressed.token_ids) == "Instruction: say the fi\n"
    shorter = [*ids[: 7 + 4], ids[-1]]
    assert compressed.token_ids == tuple(shorter)
    continuation = model.tokens.continuations(["cats"])[0]
    logits = model.masked_logits([shorter], [continuation], MaskRule("pos_control"))[0]
    assert torch.allclose(model.open([compressed], ["cats"]).last_logits[0], logits[-1], atol=1e-5)


@pytest.mark.parametrize("name", ["llama", "gpt2"])
@pytest.mark.parametrize("window", [1, 4, 1000])
def test_a_leak_window_keeps_the_tokens_before_the_gists(tiny_model, name, window):
    """The window comes from the checkpoint's record, or from a budget; both equal the masked path."""
    plain = tiny_model(name, 3)
    leaking = DecoderModel(plain.model, plain.tokens, leak_window=window)
    prompts = Gist().prompts(plain, INSTRUCTIONS)
    rule = MaskRule("gist", leak_window=window)
    masked = plain.masked_logits(prompts, plain.tokens.continuations(INPUTS), rule)
    for model, budget in ((leaking, None), (plain, Budget(3 + window))):
        compressed = Gist().compress(model, INSTRUCTIONS, budget)
        assert [c.slots for c in compressed] == [min(len(p), 3 + window) for p in prompts]
        logits = model.open(compressed, INPUTS).last_logits
        for row, expected in zip(logits, masked, strict=True):
            assert float((row - expected[-1]).abs().max()) <= 1e-4


def test_gist_refuses_a_model_without_gists_and_a_budget_below_them(tiny_model):
    with pytest.raises(GistevalError, match="compressor gist needs k >= 1"):
        Gist().compress(tiny_model("llama", 0), INSTRUCTIONS, None)
    with pytest.raises(GistevalError, match="budget of at least k = 3 slots, not 2"):
        Gist().compress(tiny_model("llama", 3), INSTRUCTIONS, Budget(2))
    with pytest.raises(GistevalError, match="budget of at least k = 3 slots, not 50%"):
        Gist().compress(tiny_model("llama", 3), INSTRUCTIONS, Budget(share=0.5))


def test_nothing_keeps_the_position_behind_the_gists(tiny_model):
    model = tiny_model("llama", 3)
    for prompt, compressed in zip(
        Empty().prompts(model, INSTRUCTIONS), Empty().compress(model, INSTRUCTIONS, None), strict=True
    ):
        assert isinstance(compressed, Nothing)
        assert compressed.next_position == len(prompt)
