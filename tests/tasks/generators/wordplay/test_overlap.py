"""Contamination: what counts as too close, and an audit against a count by hand."""

from __future__ import annotations

import pytest

from gisteval.tasks.generators.wordplay.lexicon import load_lexicon
from gisteval.tasks.generators.wordplay.overlap import Contamination, Skeletons, audit, ngrams, normalise

LEXICON = load_lexicon()
NOUN, OTHER = LEXICON.all_nouns[:2]
ASKED = f"Whatever comes, please do say the {NOUN} once again for me"


@pytest.mark.parametrize(
    ("text", "touches"),
    [
        (ASKED.upper().replace(",", " ;"), True),  # equal but for case and marks
        (ASKED.replace(NOUN, OTHER), True),  # another parameter
        (f"now: {' '.join(ASKED.split()[:8])} or something else", True),  # eight words in a row
        (f"now: {' '.join(ASKED.split()[:7])} or something else", False),
    ],
)
def test_what_is_too_close(text: str, touches: bool) -> None:
    assert Contamination.of([ASKED], LEXICON).touches(text) is touches


def test_normal_form_and_runs() -> None:
    assert normalise("Don\u2019t  SAY: it's-it!") == "dont say its it"
    assert ngrams("a b c", 2) == {("a", "b"), ("b", "c")} and ngrams("a", 2) == set()
    assert Skeletons.of(LEXICON).skeleton(f"say {NOUN} {OTHER} twice") == "say _"


def test_an_audit_counts_what_is_shared() -> None:
    found = audit(["a b c d e", "x y"], ["a b c q e", "x y", "X, y!"], LEXICON)
    assert (found.train_instructions, found.evaluation_instructions, found.exact_matches) == (2, 2, 1)
    assert found.longest_shared_ngram == 3
    assert found.ngram_share == {3: 1 / 3, 4: 0.0, 5: 0.0}
