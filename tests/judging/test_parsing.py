"""Replies as judges write them, and as hostile texts would have them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gisteval.judging.definition import load_judge
from gisteval.judging.parsing import chosen_label, read_reply

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
