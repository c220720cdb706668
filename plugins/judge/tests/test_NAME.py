"""The judge can be read, and its replies mean what they should in both orders."""

from __future__ import annotations

from pathlib import Path

import pytest
from gisteval.judging.definition import load_judge
from gisteval.judging.parsing import interpret

JUDGE = load_judge(str(Path(__file__).resolve().parents[1]))


@pytest.mark.parametrize(
    ("choice", "order", "winner"),
    [("A", "ab", "a"), ("A", "ba", "b"), ("B", "ab", "b"), ("tie", "ba", "tie"), ("neither", "ab", "invalid")],
)
def test_a_reply_is_read(choice: str, order: str, winner: str) -> None:
    reply = f'{{"reason": "because", "choice": "{choice}"}}'
    assert interpret(JUDGE.definition, reply, order, "stop").choice == winner


def test_the_prompt_holds_both_answers() -> None:
    assert all(place in JUDGE.prompt for place in ("$$request", "$$first", "$$second"))
