"""What a budget's text means, and how much of an instruction it is."""

from __future__ import annotations

from fractions import Fraction

import pytest

from gisteval.errors import GistevalError
from gisteval.records.budget import Budget, parse_budgets


@pytest.mark.parametrize(
    ("text", "budget", "canonical"),
    [
        ("16", Budget(slots=16), "16"),
        (" 5 ", Budget(slots=5), "5"),
        ("25%", Budget(share=0.25), "25%"),
        ("25.0 %", Budget(share=0.25), "25%"),
        ("12.5%", Budget(share=0.125), "12.5%"),
        ("7%", Budget(share=0.07), "7%"),
        ("100%", Budget(share=1.0), "100%"),
    ],
)
def test_a_text_is_read_and_printed(text, budget, canonical):
    assert Budget.parse(text) == budget
    assert str(budget) == canonical
    assert Budget.parse(canonical) == budget


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0", "at least 1, not 0"),
        ("-3", "at least 1, not -3"),
        ("0%", "above 0% and at most 100%, not 0%"),
        ("101%", "above 0% and at most 100%, not 101%"),
        ("some", "'some' is neither a number of slots"),
        ("0.25", "'0.25' is neither a number of slots"),
        ("-5%", "'-5%' is neither a number of slots"),
        ("", "'' is neither a number of slots"),
        ("nan%", "'nan%' is neither a number of slots"),
    ],
)
def test_what_makes_no_sense_is_refused(text, said):
    with pytest.raises(GistevalError, match="budget") as error:
        Budget.parse(text)
    assert said in str(error.value)


@pytest.mark.parametrize("percent", [1, 7, 12, 25, 29, 35, 50, 99, 100])
def test_a_share_is_rounded_half_up_to_at_least_one(percent):
    """Exact fractions are the second way: floats must not change what 29% of 50 is."""
    for tokens in range(1, 300):
        exact = Fraction(percent, 100) * tokens
        expected = max(1, int(exact + Fraction(1, 2)))
        assert Budget.parse(f"{percent}%").of(tokens) == expected


def test_slots_are_slots_whatever_the_instruction():
    assert [Budget(slots=4).of(tokens) for tokens in (0, 1, 4, 100)] == [4, 4, 4, 4]


def test_several_texts_are_several_budgets_each_once():
    assert parse_budgets(["5,25%", "5", " 25.0%"]) == (Budget(slots=5), Budget(share=0.25))
    assert parse_budgets([]) == ()
