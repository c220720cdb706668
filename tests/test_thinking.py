"""Where thoughts end, in texts that have them and in texts that only speak of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gisteval.thinking import PAIRS, Spoken, Thinking, behind_first, check_pair, opened, spoken

THINK = PAIRS[0]
WORDS = st.text(st.characters(exclude_characters="<>"), max_size=12)


@pytest.mark.parametrize(
    ("text", "answer", "cut", "thoughts"),
    [
        ("yes", "yes", False, 0),
        ("<think>a</think> yes", "yes", False, 1),
        ("<think>\n\n</think>\n\nyes", "yes", False, 1),
        ("<think>a</think><think>b</think> yes", "yes", False, 2),
        ("<think>a <think> b</think> yes", "yes", False, 1),
        ("<think>a", "", True, 1),
        ("<think>a</think>", "", False, 1),
        ("<think>a</think> <think>b", "", True, 2),
        ("the tag <think> opens one", "the tag <think> opens one", False, 0),
        ("a</think> yes", "a</think> yes", False, 0),
        ("", "", False, 0),
    ],
)
def test_an_answer_stands_behind_the_thoughts_it_begins_with(text, answer, cut, thoughts) -> None:
    assert behind_first(text, THINK) == Spoken(answer, cut, thoughts)


@pytest.mark.parametrize(
    ("text", "answer", "cut", "thoughts"),
    [
        ("so: <think>a</think> yes", "so:  yes", False, 1),
        ("a</think> yes", "yes", False, 1),
        ("<thinking>a</think></thinking>yes", "yes", False, 1),
        ("<think>a</think>yes <think>b", "yes", True, 2),
    ],
)
def test_thoughts_anywhere(text, answer, cut, thoughts) -> None:
    assert spoken(text, PAIRS) == Spoken(answer, cut, thoughts)
    assert spoken(text, []) == Spoken(text, False, 0)


@given(st.lists(st.tuples(WORDS, WORDS), max_size=4), WORDS)
def test_what_is_not_thought_is_said(parts, last) -> None:
    text = "".join(f"{said}<think>{thought}</think>" for said, thought in parts) + last
    expected = "".join(said for said, _ in parts) + last
    assert spoken(text, PAIRS) == Spoken(expected.strip(), False, len(parts))
    assert spoken(text + "<think>", PAIRS).cut


@pytest.mark.parametrize(
    ("prompt", "tag"),
    [
        ("<|im_start|>assistant\n<think>\n", "<think>"),
        ("<|im_start|>assistant\n<think>\n\n</think>\n\n", ""),
        ("<|im_start|>assistant\n", ""),
        ("What does <think> mean?<|im_start|>assistant\n", ""),
        ("<think>a</think>b<|im_start|>assistant\n<thinking>", "<thinking>"),
    ],
)
def test_a_thought_that_a_prompt_leaves_open(prompt: str, tag: str) -> None:
    assert opened(prompt, PAIRS) == tag


@pytest.mark.parametrize("pair", [(), ("a",), ("a", "a"), ("a", " "), ("a", "b", "c"), (1, 2)])
def test_what_is_no_pair(pair) -> None:
    with pytest.raises(ValueError, match="a thought needs a text that opens it"):
        check_pair(pair)


def test_the_rule_as_text() -> None:
    assert (str(Thinking()), str(Thinking(False, ("[", "]")))) == ("strip:<think>:</think>", "keep:[:]")
