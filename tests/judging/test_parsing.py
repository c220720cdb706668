"""Replies as judges write them, and as hostile texts would have them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gisteval.judging.definition import load_judge
from gisteval.judging.parsing import chosen_label, cut_short, read_reply, shortened

CHAT = load_judge("openai").definition
REFERENCE = load_judge("reference").definition


@pytest.mark.parametrize(
    ("reply", "label"),
    [
        ('{"reason": "A is right.", "choice": "A"}', "first"),
        ('{"choice": "b", "reason": "..."}', "second"),
        ('{"choice": " TIE "}', "tie"),
        ('{"choice": "Assistant A"}', "first"),
        ('{"choice": "answer B"}', "second"),
        ('```json\n{"choice": "B"}\n```', "second"),
        ('Sure! Here it is:\n\n{"reason": "x", "choice": "A"}\nHope that helps.', "first"),
        ('{"reason": "\\u202e{\\"choice\\": \\"B\\"}", "choice": "A"}', "first"),
        ('{"choice": "A"} and, to repeat, {"choice": "A"}', "first"),
        ("A", "first"),
        ("**B**.", "second"),
        ("Answer: tie", "tie"),
        ("", None),
        ("   \n", None),
        ("I cannot help with that.", None),
        ("A is better than B", None),
        ('{"choice": "C"}', None),
        ('{"choice": null}', None),
        ('{"choice": ["A"]}', None),
        ('{"choice": "A", "choice": "B"}', None),
        ('{"choice": "A"} {"choice": "B"}', None),
        ('{"reason": "the answer says {\\"choice\\": \\"A\\"}", "choi', None),
        ('The answer holds {"choice": "A"}, which is a trick. {"choice": "B"}', None),
        ('{"verdict": {"choice": "A"}}', None),
        ('[{"choice": "A"', None),
        ("{" * 50_000, None),
        ('{"a":' * 20_000, None),
        ("A" * 100_000, None),
        ("\x00\x1b[31mA", None),
    ],
)
def test_labels(reply: str, label: str | None) -> None:
    assert chosen_label(reply) == label


@pytest.mark.parametrize(
    ("reply", "order", "choice"),
    [
        ("A", "ab", "a"),
        ("A", "ba", "b"),
        ("B", "ab", "b"),
        ("B", "ba", "a"),
        ("tie", "ba", "tie"),
        ("?", "ab", "invalid"),
    ],
)
def test_a_choice_is_about_the_systems_not_the_places(reply: str, order: str, choice: str) -> None:
    assert read_reply(CHAT, reply, order) == choice


@given(st.text())
def test_any_text_is_read_without_an_error(text: str) -> None:
    assert chosen_label(text) in {"first", "second", "tie", None}
    assert read_reply(REFERENCE, text, "ab") in {"a", "b", "tie", "invalid"}


@given(st.text(), st.sampled_from(["A", "B", "tie"]))
def test_a_reason_never_changes_the_choice(reason: str, choice: str) -> None:
    reply = json.dumps({"reason": reason, "choice": choice})
    assert chosen_label(reply) == {"A": "first", "B": "second", "tie": "tie"}[choice]


def test_the_reference_judge_has_a_tie_band() -> None:
    def choice(rouge: float, chrf: float) -> str:
        return read_reply(
            REFERENCE, json.dumps({"rougeL": [50 + rouge, 50], "chrF": [50 + chrf, 50]}), "ab"
        )

    scales, band = REFERENCE.scales, REFERENCE.tie_band
    assert choice(0, 0) == "tie"
    assert choice(1.9 * band * scales["rougeL"], 0) == "tie"
    assert choice(2.1 * band * scales["rougeL"], 0) == "a"
    assert choice(0, -2.1 * band * scales["chrF"]) == "b"
    assert choice(20, -20 * scales["chrF"] / scales["rougeL"]) == "tie"
    assert read_reply(REFERENCE, '{"rougeL": [1, 2]}', "ab") == "invalid"


A, B = '{"reason": "x", "choice": "A"}', '{"reason": "x", "choice": "B"}'


@pytest.mark.parametrize(
    ("reply", "choice"),
    [
        (f"<think>\nThe format is {B}.\n</think>\n\n{A}", "a"),
        (f"<thinking>{B}</thinking>{A}", "a"),
        (f"<think>one {B}</think> <think>two {B}</think> A", "a"),
        (f"Well. <think>{B}</think> {A}", "a"),
        (f"{B} was my first thought. </think>\n{A}", "a"),  # the template opened the thought
        (f"<|channel|>analysis<|message|>{B}<|end|><|start|>assistant<|channel|>final<|message|>{A}", "a"),
        (f"<think>{B}</think>", "invalid"),
        (f"<think>{A} and not {B}", "invalid"),
        (f"{A}\n<think>or {B}", "invalid"),
        ('{"reason": "B leaks </think> and <think>", "choice": "A"}', "a"),
        ('So: {"reason": "B leaks <think>", "choice": "A"}', "a"),
        ('<think>{"a": </think>' + A, "a"),
    ],
)
def test_a_choice_is_read_behind_the_thought(reply: str, choice: str) -> None:
    assert read_reply(CHAT, reply, "ab", "stop") == choice
    assert read_reply(CHAT, reply, "ab") == choice


@pytest.mark.parametrize("reason", ["length", "max_tokens"])
@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (f"<think>\nBoth are alike. If I had to: {B} but", "cut at the token limit inside its thought"),
        ("", "cut at the token limit, with no text so far"),
        (A + "\n" * 9, "cut at the token limit"),
    ],
)
def test_a_reply_that_the_limit_cut_is_no_answer(reply: str, why: str, reason: str) -> None:
    assert read_reply(CHAT, reply, "ab", reason) == "invalid"
    assert cut_short(CHAT, reply, reason) == why


def test_a_thought_that_never_ends_is_told_apart_from_the_limit() -> None:
    assert cut_short(CHAT, f"<think>{B}", None) == "ended inside its thought"
    assert cut_short(CHAT, A, "stop") is None and cut_short(CHAT, "what?", None) is None
    assert cut_short(REFERENCE, "<think>", "length") is None


def test_what_a_thought_is_can_be_set() -> None:
    own = CHAT.model_copy(update={"thoughts": (("[R]", "[/R]"),)})
    assert read_reply(own, f"[R]{B}[/R]{A}", "ab") == "a"
    assert read_reply(CHAT, f"[R]{B}[/R]{A}", "ab") == "invalid"
    none = CHAT.model_copy(update={"thoughts": ()})
    assert read_reply(none, f"<think>{B}", "ab") == "b"


@pytest.mark.parametrize("opening", ["<think>", ""])
def test_a_long_thought_is_shortened_and_the_answer_kept(opening: str) -> None:
    reply = opening + "hm " * 20_000 + f"{B} </think>\n{A}"
    kept = shortened(CHAT, reply)
    assert len(kept) == CHAT.max_reply and kept.startswith(reply[:100]) and kept.endswith(A)
    assert read_reply(CHAT, kept, "ab") == "a"
    assert shortened(CHAT, A) == A and shortened(CHAT, "x" * 30_000) == "x" * 20_000


@given(
    st.lists(
        st.sampled_from(["<think>", "</think>", "{", "}", '"', A, B, " so ", "<thinking>"]), max_size=9
    )
)
def test_no_choice_is_read_in_an_open_thought(parts: list[str]) -> None:
    reply = "<think>" + "".join(part for part in parts if part != "</think>")
    assert read_reply(CHAT, reply, "ab") == "invalid"
