"""No space left at one write of a command after the other: one line, and the same command again ends whole.

CI takes a few writes of each command; `make faults` takes every one (WRITES in the environment: so many).
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from campaign_time import Part
from file_layer import FullDisk
from forked_commands import Ended, command, measured

MOST = int(os.environ.get("WRITES", "1000000"))
LONG = pytest.param(MOST, marks=pytest.mark.faults)
WRITES = pytest.mark.parametrize("most", [3, LONG])
SHARE = {"run": 0.15, "judge": 0.05, "import": 0.05}
"""Of the campaign's time."""

EXAMPLES = [(f"say {'cats ' * (n % 5)}{n}", "dogs" * (n % 3), f"yes {n}") for n in range(6)]


def check_said(ended: Ended) -> None:
    """Nothing on stderr if it went on, else one line that says what is missing."""
    lines = [line for line in ended.err.splitlines() if not line.startswith("note: ")]
    if ended.code == 0:
        assert not lines
        return
    assert ended.code == 2, ended
    assert len(lines) == 1 and lines[0].startswith("gisteval: no disk space left for "), ended


@pytest.fixture
def full_at_each(tmp_path: Path, state) -> Callable[..., None]:
    """Run a command with a disk that is full from its i-th write on, or for that one alone, for every i."""

    def run(name: str, most: int, arguments: list[object], template: Path | None = None) -> None:
        folder = tmp_path / "trial"
        out = folder / "out"

        def fresh() -> None:
            shutil.rmtree(out, ignore_errors=True)
            folder.mkdir(exist_ok=True)
            if template is not None:
                shutil.copytree(template, out)

        fresh()
        victim = measured(arguments, folder)
        whole = state(out)
        # Step by step: how many lines of progress are written at the end depends on time.
        faults = [FullDisk(step, stays) for step in range(victim.steps) for stays in (True, False)]
        faults = faults[:: max(1, len(faults) // most)]
        part = Part(f"full-disk-{name}", len(faults), SHARE[name], long=most == MOST)
        for number in part.cases(least=3):
            fault = faults[number]
            fresh()
            ended = command(arguments, folder, fault)
            check_said(ended)
            if ended.code == 0:
                assert state(out) == whole, fault
            again = command(arguments, folder)
            assert again.code == 0, (fault, again)
            assert state(out) == whole, fault
            part.ended(number, ended.code)
        print(f"\n{part} ({victim.steps} writes, for good and for a moment)")

    return run


@WRITES
def test_run(most: int, tiny_suite, write_task, tmp_path: Path, full_at_each) -> None:
    task = write_task(tmp_path / "task", EXAMPLES)
    arguments = ["run", "--model", tiny_suite / "gist-3", "--task", task, "--batch-size", 4]
    full_at_each("run", most, [*arguments, "--output", tmp_path / "trial" / "out"])


@WRITES
def test_judge(most: int, make_run, tmp_path: Path, full_at_each) -> None:
    texts = {name: [f"{name[: n % 4]} {n}" for n in range(30)] for name in ("pos", "gist-1")}
    full_at_each("judge", most, ["judge", tmp_path / "trial" / "out"], make_run(texts, "template"))


@WRITES
def test_import(most: int, tmp_path: Path, full_at_each) -> None:
    files = [tmp_path / f"{name}.jsonl" for name in ("pos", "mine")]
    for file in files:
        rows = (
            {"instruction": f"say {n}", "y_pred": f"{file.stem} {n}", "y_true": f"{n}"} for n in range(20)
        )
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    arguments = ["import", files[1], "--pos-control", files[0], "--output", tmp_path / "trial" / "out"]
    full_at_each("import", most, arguments)
