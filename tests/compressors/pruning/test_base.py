"""What all pruning shares: budgets, whole words, the template, refusals."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from gisteval.compressors.base import Source
from gisteval.compressors.pruning.base import Ranked, fill
from gisteval.compressors.pruning.passage import Part
from gisteval.compressors.spec import build_compressor
from gisteval.errors import GistevalError
from gisteval.records.budget import Budget

TEXT = "say the first word twice or maybe no more words"


@dataclass(frozen=True)
class Longest(Ranked):
    """Keeps long words."""

    name = "longest"

    def score(self, model, passage, parts):
        return [len(part.word) for part in parts]


def text_of(model, compressed) -> str:
    return model.tokens.tokenizer.decode(compressed.token_ids)


@pytest.mark.parametrize("unit", ["words", "tokens"])
@pytest.mark.parametrize(
    "budget", [Budget(1), Budget(7), Budget(share=0.25), Budget(share=1.0), Budget(500)]
)
def test_a_budget_is_never_exceeded_and_counts_the_instruction_alone(tiny_model, unit, budget):
    model = tiny_model("gpt2", 2)
    (ids,) = model.tokens.prompts([TEXT])
    template = sum(model.tokens.template_ends(ids))
    (found,) = Longest(unit).compress(model, [TEXT], budget)
    left = found.accounting.kept - template
    assert found.accounting.kept_template == found.accounting.template_tokens == template
    assert found.accounting.asked == min(budget.of(len(ids) - template), len(ids) - template)
    assert 1 <= left <= found.accounting.asked
    if unit == "tokens" or left == len(ids) - template:
        assert left == found.accounting.asked
    assert found.accounting.bytes == 4 * len(found.token_ids)
    iterator = iter(ids)
    assert all(token in iterator for token in found.token_ids), "a subsequence of the prompt"


def test_whole_words_are_kept_in_their_order(tiny_model):
    model = tiny_model("gpt2", 0)
    (found,) = Longest().compress(model, [TEXT], Budget(share=0.5))
    words = text_of(model, found).removeprefix("Instruction:").split()
    assert set(words) <= set(TEXT.split())
    assert words == [word for word in TEXT.split() if word in words]
    dropped = set(TEXT.split()) - set(words)
    assert {"first", "twice", "words"} <= set(words)
    assert {"or", "no"} <= dropped


def test_a_word_that_does_not_fit_is_passed_over():
    parts = [Part(0, 1, places, "") for places in ((0, 1, 2), (3, 4), (5,))]
    assert fill(parts, 4) == {0, 1, 2, 5}
    assert fill(parts, 2) == {3, 4}
    assert fill(parts[:1], 2) == {0, 1}, "the start of the best word where none fits"
    assert fill([], 2) == set()


def test_the_footprint_is_what_runs_again():
    source = Source(tokens=23, k=0, leak_window=0, caches_prompts=True, template=3)
    found = build_compressor("random_words").footprint(source, Budget(share=0.25))
    assert (found.run_once, found.slots, found.run_each, found.positions) == (0, 0, 8, 8)


def test_an_unknown_unit_is_refused():
    with pytest.raises(GistevalError, match="random_words: unit must be words or tokens, not 'letters'"):
        build_compressor("random_words:unit=letters")


def test_the_draw_of_random_words_is_the_contents(tiny_model):
    model = tiny_model("gpt2", 0)
    texts = [f"{TEXT} {number}" for number in range(12)]
    one, other = (
        build_compressor(f"random_words:seed={seed}").compress(model, texts, Budget(share=0.5))
        for seed in (0, 1)
    )
    again = build_compressor("random_words").compress(model, texts[::-1], Budget(share=0.5))[::-1]
    assert [prompt.token_ids for prompt in one] == [prompt.token_ids for prompt in again]
    assert [prompt.token_ids for prompt in one] != [prompt.token_ids for prompt in other]
    kept = [set(text_of(model, prompt).split()) for prompt in one]
    counts = [sum(word in words for words in kept) for word in TEXT.split()]
    assert min(counts) > 0, "every word is kept sometimes"
    assert max(counts) < len(texts), "and dropped sometimes"
