"""Failure groups: what belongs in each, and what must not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gisteval.records.schema import Example
from gisteval.report.gallery import GROUPS, count_groups, failure_groups, most_repeats, shape


def groups(instruction: str, given_input: str, reference: str, output: str, finished: bool | None = True):
    example = Example("1", "t", "seen", instruction, given_input, reference)
    return failure_groups(example, output, finished)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("say cats", "", "cats", "cats"), ()),
        (("say cats", "", "cats", "something else"), ()),
        (("say cats", "", "cats", " \n"), ("empty",)),
        (("fix it", "he go to the shop now", "he goes to that shop", "he go to the shop now"), ("copied",)),
        (("say who goes to the shop", "", "he", "Say who goes to the shop"), ("copied",)),
        (("repeat it", "one two three four", "one two three four", "one two three four"), ()),
        (("copy", "a b c", "d", "a b c"), ()),  # too short to be a sign
        (("say cats", "", "cats", "cats cats cats cats"), ("repetition",)),
        (("say cats four times", "", "cats cats cats cats", "cats cats cats cats"), ()),
        (("go", "", "x", "to be or to be or to be or to be or"), ("repetition",)),
        (("write 3 lines", "", "all 3 lines", "all lines"), ("lost-number",)),
        (("write three lines", "", "all 3 lines", "all lines"), ("lost-number",)),
        (("write three lines", "", "all 3 lines", "all three lines"), ()),
        (("write 3 lines", "", "all lines", "all lines"), ()),  # the reference does without it
        (("greet Alice now", "", "hello alice", "hello you"), ("lost-name",)),
        (("greet Alice now", "", "hello alice", "hello Alice!"), ()),
        (("Describe Paris.", "", "describe paris", "a town"), ("lost-name",)),
        (("Describe it", "", "describe it", "a town"), ()),  # begins a sentence, so it is no name
        (("list", "", "- a\n- b", "a, b"), ("format",)),
        (("list", "", "- a\n- b", "1. a\n2. b"), ()),
        (("answer", "", "yes", "The answer is yes, of course"), ("format",)),
        (("count", "", "42", "There are many"), ("format",)),
        (("json", "", '{"a": 1}', "a is one"), ("format",)),
    ],
)
def test_groups(texts, expected) -> None:
    assert groups(*texts) == expected


def test_truncated_is_what_the_length_limit_ended() -> None:
    assert groups("say", "", "cats", "ca", finished=False) == ("truncated",)
    assert groups("say", "", "cats", "", finished=False) == ("empty", "truncated")
    assert groups("say", "", "cats", "ca", finished=None) == ()  # not known of an imported output


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 1),
        ("a", 1),
        ("a b", 1),
        ("a a", 2),
        ("a b a b a", 2),
        ("x a b c a b c a b c y", 3),
        ("a " * 9, 9),
    ],
)
def test_repeats(text: str, expected: int) -> None:
    assert most_repeats(text.split()) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[1, 2]", "json"),
        ("{not json", "text"),
        ("def f(x):\n    return x", "code"),
        ("1) a\n2) b", "list"),
        ("- only one", "text"),
        ("$1,234.50", "number"),
        ("7", "number"),
        ("Yes.", "yes/no"),
        ("[" * 100_000, "text"),  # nesting that a parser gives up on
    ],
)
def test_shapes(text: str, expected: str) -> None:
    assert shape(text) == expected


@given(st.text(), st.text(), st.text(), st.text())
def test_any_text_has_known_groups_and_the_reference_none(
    instruction, given_input, reference, output
) -> None:
    names = [group.name for group in GROUPS]
    found = groups(instruction, given_input, reference, output)
    assert list(found) == [name for name in names if name in found]
    assert set(groups(instruction, given_input, reference, reference)) <= {"empty"}


def test_counts() -> None:
    assert count_groups([("empty",), ("copied", "format"), (), ("empty",)]) == {
        "empty": 2,
        "copied": 1,
        "format": 1,
    }
