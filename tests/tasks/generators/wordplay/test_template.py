"""The notation of templates: all texts of a template, and brackets that do not close."""

from __future__ import annotations

from random import Random

import pytest

from gisteval.tasks.generators.wordplay.template import Reference, expand, parse


def texts(template: str) -> set[str]:
    choice = parse(template)
    look = {"say": "shout", "A": "cat", "A!": "CAT"}
    return {expand(choice, lambda part: look[part.name], Random(seed)) for seed in range(200)}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("a|b", {"a", "b"}),
        ("x (a|b)", {"x a", "x b"}),
        ("x[ a|b]", {"x", "x a", "xb"}),
        ("<say> {A} {A!}", {"shout cat CAT"}),
        ("(a|(b|c)) [d]", {f"{x} {y}" for x in "abc" for y in ("", "d")}),
        ("  two \n lines ", {"two lines"}),
    ],
)
def test_all_texts_and_no_others_are_drawn(template: str, expected: set[str]) -> None:
    assert texts(template) == expected


def test_an_optional_part_is_there_half_of_the_time() -> None:
    choice = parse("[a|b|c|d|e|f|g]")
    there = sum(bool(expand(choice, str, Random(seed))) for seed in range(1000))
    assert 437 < there < 563  # four standard deviations


def test_what_is_looked_up_says_what_it_is() -> None:
    seen: list[Reference] = []
    expand(parse("<say> {A!}"), lambda part: seen.append(part) or "", Random(0))
    assert seen == [Reference("say", False), Reference("A!", True)]


@pytest.mark.parametrize("template", ["(a", "a)", "[a", "(a]", "a]", "<say", "{A", "a > b"])
def test_what_does_not_close_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"in |brackets|not a template"):
        parse(template)
