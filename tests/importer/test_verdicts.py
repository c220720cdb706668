"""Released verdict files: their traps on made files, their figures on the real ones."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gisteval.errors import GistevalError
from gisteval.importer.verdicts import read_verdict_file

NAME = "chatgpt-LLaMA-gist-1-vs-LLaMA-pos_control-1-validation_human-3000.json"


def row(
    choice: str, swapped: bool = False, reason: str = "Because.", output: Any = "ours"
) -> dict[str, Any]:
    prompt = "Instruction: say cats\nInput: dogs"
    return {
        "reason": reason,
        "choice": choice,
        "swapped": swapped,
        "x": prompt,
        "LLaMA-gist-1": output,
        "LLaMA-pos_control-1": "theirs",
    }


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def make(*rows: dict[str, Any], name: str = NAME, **changes: Any) -> Path:
        content: dict[str, Any] = {
            "names": {"a": "LLaMA-gist-1", "b": "LLaMA-pos_control-1"},
            "scores": {"LLaMA-gist-1": 1.5, "LLaMA-pos_control-1": 0.5},
            "results": list(rows),
            "estimated_cost": 0.25,
        }
        path = tmp_path / name
        path.write_text(json.dumps({**content, **changes}), encoding="utf-8")
        return path

    return make


def test_choices_are_of_systems_in_any_case_whatever_was_shown_first(write) -> None:
    file = read_verdict_file(write(row("A"), row("a", True), row("B", True), row("tie"), row("Neither")))
    assert [found.choice for found in file.rows] == ["a", "a", "b", "tie", "invalid"]
    assert [found.order for found in file.rows] == ["ab", "ba", "ba", "ab", "ab"]
    assert file.win_rate == 62.5
    assert file.saved_win_rate == 75
    assert (file.judge, file.system, file.reference) == (
        "imported:chatgpt",
        "LLaMA-gist-1",
        "LLaMA-pos_control-1",
    )
    assert (file.split, file.steps, file.cost) == ("human", 3000, 0.25)


def test_a_mended_reply_counts_and_an_unreadable_one_is_no_tie(write) -> None:
    mended, unreadable = "(FIXED JSON PARSE) both fine", "Could not parse JSON: no idea"
    file = read_verdict_file(write(row("tie", reason=mended), row("tie", reason=unreadable)))
    assert [(found.choice, found.mended) for found in file.rows] == [("tie", True), ("invalid", False)]
    assert file.win_rate == 50
    assert read_verdict_file(write(row("tie", reason=unreadable))).win_rate is None


def test_an_output_that_became_nan_was_empty(write) -> None:
    (found,) = read_verdict_file(write(row("b", output=math.nan))).rows
    assert found.output == ""


def test_records_name_the_pair_and_leave_out_unknown_examples(write) -> None:
    file = read_verdict_file(write(row("A"), row("b", True)))
    one, other = file.records("alpaca_plus", ["content", "content"])
    assert (one.pair, one.task, one.purpose, one.choice, one.reply) == (
        "content",
        "alpaca_plus",
        "main",
        "a",
        "Because.",
    )
    assert one.key != other.key
    assert one.cost + other.cost == file.cost
    assert [found.pair for found in file.records("alpaca_plus", [None, "other"])] == ["other"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"names": {"a": "x", "b": "LLaMA-pos_control-1"}}, "says otherwise"),
        ({"names": None}, "not a verdict file"),
        ({"results": []}, "no verdicts"),
        ({"results": 3}, "not a verdict file"),
        ({"results": [{"x": "y"}]}, "row 1"),
        ({"results": [{**row("a"), "swapped": "yes"}]}, "true or false"),
    ],
)
def test_a_wrong_file_is_named(write, change: dict[str, Any], says: str) -> None:
    path = write(row("a"), **change)
    with pytest.raises(GistevalError, match=says) as caught:
        read_verdict_file(path)
    assert str(path) in str(caught.value)


def test_a_damaged_or_misnamed_file_is_named(write, tmp_path: Path) -> None:
    path = write(row("a"))
    path.write_text(path.read_text(encoding="utf-8")[:50], encoding="utf-8")
    with pytest.raises(GistevalError, match="damaged"):
        read_verdict_file(path)
    with pytest.raises(GistevalError, match="expected a name like"):
        read_verdict_file(write(row("a"), name="verdicts.json"))


def test_the_released_figures(shared_data: Path) -> None:
    folder = shared_data / "paper" / "chatgpt"
    found = {(f.system, f.split): f for f in map(read_verdict_file, sorted(folder.glob("*.json")))}
    rates = {split: found["LLaMA-gist-1", split].win_rate for split in ("human", "seen", "unseen")}
    assert {split: round(rate, 1) for split, rate in rates.items()} == {
        "human": 45.4,
        "seen": 48.5,
        "unseen": 49.6,  # 49.65, half to even
    }
    human = found["LLaMA-gist-1", "human"]
    assert human.saved_win_rate == pytest.approx(45.8, abs=0.05)
    # Shown first and second: the order is read the right way round.
    worth = {"a": 1.0, "tie": 0.5, "b": 0.0}
    for order, expected in (("ab", 60.2), ("ba", 30.4)):
        points = [worth[item.choice] for item in human.rows if item.order == order]
        assert 100 * sum(points) / len(points) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("kind", ["pipe", "deep"])
def test_a_file_that_never_ends_or_nests_too_deeply(write, kind: str) -> None:
    path = write(row("LLaMA-gist-1"))
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.write_text("[" * 500 + "]" * 500)
    with pytest.raises(GistevalError, match="is damaged or not JSON"):
        read_verdict_file(path)
