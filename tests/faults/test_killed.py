"""kill -9 at random points of run, judge and import: the same command again ends with the same records.

CI takes a few points; `make faults` takes fifty (KILLS in the environment: another number).
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

Command = tuple[Path, tuple[list[object], list[object]]]
"""A run's folder, the arguments that all trials share, and the rest."""

LONG = pytest.param(int(os.environ.get("KILLS", "50")), marks=pytest.mark.faults)
SEED = 20_230_417
EXAMPLES = [(f"say {'cats ' * (n % 5)}{n}", "dogs" * (n % 3), f"yes {n}") for n in range(12)]


def records(run: Path) -> int:
    return sum(file.read_bytes().count(b"\n") for file in run.glob("[gv]e*s/*.jsonl"))


def campaign(name: str, victim, points: int, prepare: Callable[[int], Command], gisteval, state) -> None:
    """Kill a command at every point, go on with the same command, and compare."""
    run, (arguments, rest) = prepare(0)
    measured = victim(arguments, rest)
    whole = state(run)
    before = []
    for number, point in enumerate(measured.points(points, SEED), 1):
        run, (arguments, rest) = prepare(number)
        if measured.killed(rest, point):
            before.append(records(run))
        outcome = gisteval(*arguments, *rest)
        assert outcome.code == 0, (point, outcome.err)
        assert state(run) == whole, point
        shutil.rmtree(run)
    assert len(before) >= points // 2
    print(
        f"{name}: killed {len(before)} times in {points}, with {min(before)} to {max(before)} records "
        f"written; {measured.steps} steps, {measured.seconds:.2f} s of processor time unhurt"
    )


@pytest.mark.parametrize("points", [4, LONG])
def test_run(points: int, tiny_suite, write_task, tmp_path: Path, victim, gisteval, state) -> None:
    task = write_task(tmp_path / "task", EXAMPLES)
    arguments = ["run", "--model", tiny_suite / "gist-3", "--task", task, "--batch-size", 4]

    def prepare(number: int) -> Command:
        run = tmp_path / f"run-{number}"
        return run, (arguments, ["--output", run])

    campaign("run", victim, points, prepare, gisteval, state)


@pytest.mark.parametrize("points", [4, LONG])
def test_judge(points: int, make_run, tmp_path: Path, victim, gisteval, state) -> None:
    texts = {name: [f"{name[: n % 4]} {n}" for n in range(90)] for name in ("pos", "gist-1", "other")}
    template = make_run(texts, "template")

    def prepare(number: int) -> Command:
        run = tmp_path / f"run-{number}"
        shutil.copytree(template, run)
        return run, (["judge"], [run])

    campaign("judge", victim, points, prepare, gisteval, state)


@pytest.mark.parametrize("points", [4, LONG])
def test_import(points: int, tmp_path: Path, victim, gisteval, state) -> None:
    files = []
    for name in ("LLaMA-pos_control-1", "LLaMA-gist-1", "LLaMA-neg_control-1"):
        files.append(tmp_path / f"{name}.jsonl")
        rows = (
            {"instruction": f"say {n}", "y_pred": f"{name[6:9]} {n}", "y_true": f"{n}"} for n in range(80)
        )
        files[-1].write_text("".join(json.dumps(row) + "\n" for row in rows))
    arguments: list[object] = ["import", files[1], "--pos-control", files[0], "--neg-control", files[2]]

    def prepare(number: int) -> Command:
        run = tmp_path / f"run-{number}"
        return run, (arguments, ["--output", run])

    campaign("import", victim, points, prepare, gisteval, state)


@pytest.mark.parametrize("points", [2, pytest.param(10, marks=pytest.mark.faults)])
def test_a_paid_judge(
    points: int, make_run, chat_server, judging_cache, tmp_path: Path, victim, gisteval, state
) -> None:
    """What was answered and written is never asked again."""
    texts = {name: [f"{name[: n % 4]} {n}" for n in range(40)] for name in ("pos", "gist-1")}
    template = make_run(texts, "template")

    def positive_wins(number: int, body: dict) -> str:
        first = body["messages"][1]["content"].split("<answer-A")[1].split("</answer-A")[0]
        return json.dumps({"choice": "A" if "p" in first else "B"})

    chat_server.answer = positive_wins

    def prepare(number: int) -> Command:
        run = tmp_path / f"run-{number}"
        shutil.copytree(template, run)
        cache = tmp_path / f"{number}.sqlite"  # replies of one trial are no help to another
        chat = ["judge", "--judge", "openai", "--base-url", chat_server.url, "--concurrency", 2]
        return run, (chat, ["--cache", cache, run])

    campaign("paid judge", victim, points, prepare, gisteval, state)
