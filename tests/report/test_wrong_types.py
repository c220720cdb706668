"""A run folder whose fields hold something else, one at a time: refused in one line, or read; no traceback.

Every field of a judged run's manifest, results, generations, verdicts and examples takes each of the wrong
values, and report, page, gate, comparison and judge are asked of it.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from campaign_time import Part

from gisteval.errors import GistevalError
from gisteval.gate.compare import compare
from gisteval.gate.gate import run_gate
from gisteval.gate.options import GateOptions
from gisteval.gate.sides import choose_side
from gisteval.pipeline.judge.judge_run import judge_run
from gisteval.pipeline.judge.options import JudgeOptions
from gisteval.records.run_folder import RunFolder
from gisteval.report.build import build_report

MISSING = object()
WRONG: list[Any] = [
    None,
    True,
    -1,
    float("inf"),
    10**400,
    "",
    "x",
    [],
    {},
    [[{"x": [[]]}]],
    {"x": {"x": None}},
    MISSING,
]
QUICK = 10
"""Cases of each file that the suite tries; `make faults` tries as many as its time allows."""

SHARE = 0.02
"""Of the campaign's time, for each file."""

SYSTEM = "tiny-gist-1"
Place = tuple[str | int, ...]
FILES = ("manifest.json", "results.json", "generations", "verdicts", "examples")


def places(content: Any, place: Place = ()) -> Iterator[Place]:
    """Every field, and the first three items of every list, at any depth."""
    yield place
    if isinstance(content, dict):
        for name in content:
            yield from places(content[name], (*place, name))
    elif isinstance(content, list):
        for number in range(min(3, len(content))):
            yield from places(content[number], (*place, number))


def changed(content: Any, place: Place, value: Any) -> Any:
    """A copy with another value in one place, or without it."""
    if not place:
        return None if value is MISSING else value
    found = deepcopy(content)
    inside = found
    for step in place[:-1]:
        inside = inside[step]
    if value is MISSING:
        del inside[place[-1]]
    else:
        inside[place[-1]] = value
    return found


def ask(run: Path, sound: Path, output: Path) -> list[str]:
    """The refusals of everything that reads a run, each asked for by itself."""
    questions: list[Callable[[], object]] = [
        lambda: build_report([RunFolder.open(run)], output),
        lambda: run_gate(GateOptions(run, sound, "rougeL", system=SYSTEM, baseline_system=SYSTEM)),
        lambda: run_gate(GateOptions(run, sound, system=SYSTEM, baseline_system=SYSTEM)),
        lambda: run_gate(GateOptions(sound, run, system=SYSTEM, baseline_system=SYSTEM)),
        lambda: compare(choose_side(run, SYSTEM, "--system"), choose_side(sound, SYSTEM, "--system")),
        lambda: judge_run(run, JudgeOptions("reference")),
    ]
    refusals = []
    for question in questions:
        try:
            question()
        except GistevalError as error:
            refusals.append(str(error))
    return refusals


@pytest.fixture(scope="module")
def sound(tmp_path_factory, write_small_run, make_example) -> Path:
    """Two examples a split, answered and judged."""
    splits = {split: [make_example(number, split) for number in range(2)] for split in ("seen", "human")}
    return write_small_run(tmp_path_factory.mktemp("sound") / "run", splits).path


@pytest.mark.parametrize("most", [QUICK, pytest.param(10**9, marks=pytest.mark.faults)])
@pytest.mark.parametrize("name", FILES)
def test_a_wrong_value_is_one_line_or_read(name: str, most: int, sound, tmp_path) -> None:
    run = tmp_path / "run"
    shutil.copytree(sound, run)
    file = run / name if name.endswith(".json") else sorted((run / name).glob("*.jsonl"))[0]
    raw = file.read_text(encoding="utf-8")
    content = json.loads(raw if name.endswith(".json") else raw.splitlines()[0])
    cases = [(place, value) for place in places(content) for value in WRONG]
    random.Random(name).shuffle(cases)
    part = Part(f"wrong-{name}", min(most, len(cases)), SHARE, long=most > QUICK)
    failures = []
    for number in part.cases(least=QUICK):
        place, value = cases[number]
        text = json.dumps(changed(content, place, value))
        file.write_text(text if name.endswith(".json") else "\n".join([text, *raw.splitlines()[1:], ""]))
        try:
            refusals = ask(run, sound, tmp_path / "report")
        except Exception as error:
            part.broke(number)
            failures.append(f"{place} = {value!r:.30}: {type(error).__name__}: {error}")
        else:
            part.ended(number, "a refusal" if refusals else "no refusal")
            assert all(line.strip() and line.isprintable() for line in refusals)
        for written in ("results.json", "manifest.json"):
            shutil.copyfile(sound / written, run / written)
    assert not failures, "\n".join(failures)
    print(f"\n{part}")
    assert part.ends["a refusal"] > part.ends.total() // 4
