"""String matches against RULER's own formulas, and the answers that a text ends with."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from gisteval.metrics import metric
from gisteval.metrics.matching import final_answer
from gisteval.records.schema import Example

WORDS = ["1234567", "ABCDE", "amber-anchor", "d27ec568", "the", "Magic", "is"]


def ruler_all(preds: list[str], refs: list[list[str]]) -> float:
    """RULER's scripts/eval/synthetic/constants.py, `string_match_all`, by its formula."""
    shares = [
        sum(r.lower() in p.lower() for r in ref) / len(ref) for p, ref in zip(preds, refs, strict=True)
    ]
    return sum(shares) / len(preds) * 100


def ruler_part(preds: list[str], refs: list[list[str]]) -> float:
    """Its `string_match_part`: the best of the references."""
    best = [max(float(r.lower() in p.lower()) for r in ref) for p, ref in zip(preds, refs, strict=True)]
    return sum(best) / len(preds) * 100


def test_matches_equal_rulers_functions_on_500_cases() -> None:
    draw = Random(0)
    cases = []
    for _ in range(500):
        references = [
            draw.choice(WORDS) + draw.choice(["", "x", " y"]) for _ in range(draw.randrange(1, 6))
        ]
        parts = draw.choices([*WORDS, *references], k=draw.randrange(0, 8))
        output = draw.choice([" ", ", ", "\n"]).join(
            draw.choice([str.upper, str.lower, str])(p) for p in parts
        )
        cases.append((output, references))
    for name, theirs in (("string_match_all", ruler_all), ("string_match_part", ruler_part)):
        ours = [metric(name).of_texts(output, "\n".join(refs)) for output, refs in cases]
        assert ours == pytest.approx([theirs([output], [refs]) for output, refs in cases])
        whole = theirs([output for output, _ in cases], [refs for _, refs in cases])
        assert sum(ours) / len(ours) == pytest.approx(whole)
        assert len(set(ours)) > 1


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("(A)", "(A)"),
        ("\n False\n\nQ: more", "False"),
        ("First. So the answer is 7. Then the answer is (B).", "(B)"),
        ("The Answer is: no\nQ: next", "no"),
        ("3.5", "3.5"),
        ("", ""),
    ],
)
def test_the_final_answer_stands_behind_the_last_conclusion(text: str, answer: str) -> None:
    assert final_answer(text) == answer


def test_an_example_without_choices_has_no_choice() -> None:
    example = Example("e", "t", "s", "say", "", "yes", choices="yes\nno")
    assert metric("choice").applies_to(example)
    assert not metric("choice").applies_to(replace(example, choices=None))
    assert example.content_id != replace(example, choices=None).content_id
