"""A run folder whose fields hold something else, one at a time: refused in one line, or read; no traceback.

Every field of a judged run's manifest, results, generations, verdicts and examples takes each of the wrong
values, and report, page, gate, comparison and judge are asked of it. First each field takes one, then
each takes another, so that a campaign that is cut short has tried every field.
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
from watched_files import opened_files

from gisteval.errors import GistevalError
from gisteval.gate.compare import compare
from gisteval.gate.gate import run_gate
from gisteval.gate.options import GateOptions
from gisteval.gate.sides import choose_side
from gisteval.pipeline.judge.judge_run import judge_run
from gisteval.pipeline.judge.options import JudgeOptions
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Estimate
from gisteval.report import build
from gisteval.report.data import ReportData
from gisteval.report.figures import RunFigure, can_draw, draw_figures
from gisteval.report.figures.folder import FigureFolder
from gisteval.report.frontier import METRICS, compressed_points, frontier_points
from gisteval.report.samples import Samples
from gisteval.stats.bounded import BoundedMean

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
DRAWN = -1
"""The value with which the long campaign draws the figures, which take seconds: most numbers may be it.

It does so for the first item of a list, whose fields are those of the others.
"""

QUICK = 10
"""Cases of each file that the suite tries; `make faults` tries as many as its time allows."""

SHARE = 0.02
"""Of the campaign's time, for each file."""

SYSTEM = "tiny-gist-1"
Place = tuple[str | int, ...]
FILES = (
    "manifest.json",
    "results.json",
    f"generations/{SYSTEM}.jsonl",
    f"verdicts/chat--{SYSTEM}.jsonl",
    f"verdicts/reference--{SYSTEM}.jsonl",
    "examples/human.jsonl",
)
"""The fields of lines are those of the first line."""


def places(content: Any, place: Place = ()) -> Iterator[Place]:
    """Every field, and the first three items of every list, at any depth."""
    yield place
    if isinstance(content, dict):
        for name in content:
            yield from places(content[name], (*place, name))
    elif isinstance(content, list):
        for number in range(min(3, len(content))):
            yield from places(content[number], (*place, number))


def cases_of(name: str, content: Any) -> list[tuple[Place, Any]]:
    """Every field with every wrong value, in rounds: in each, every field takes one that is new to it."""
    draw = random.Random(name)
    fields = list(places(content))
    draw.shuffle(fields)
    values = [draw.sample(WRONG, len(WRONG)) for _ in fields]
    return [
        (place, own[turn]) for turn in range(len(WRONG)) for place, own in zip(fields, values, strict=True)
    ]


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


def questions_to(run: Path, sound: Path, output: Path) -> list[Callable[[], object]]:
    """Everything that reads a run. The judge also writes it."""
    return [
        lambda: build.build_report([RunFolder.open(run)], output),
        lambda: run_gate(GateOptions(run, sound, "rougeL", system=SYSTEM, baseline_system=SYSTEM)),
        lambda: run_gate(GateOptions(run, sound, judge="chat", system=SYSTEM, baseline_system=SYSTEM)),
        lambda: run_gate(GateOptions(sound, run, judge="reference", system=SYSTEM, baseline_system=SYSTEM)),
        lambda: compare(choose_side(run, SYSTEM, "--system"), choose_side(sound, SYSTEM, "--system")),
        lambda: judge_run(run, JudgeOptions("reference")),
    ]


def reads(question: Callable[[], object], file: Path) -> bool:
    """Whether a question that is answered opens a file: if not, nothing in it can change the answer."""
    with opened_files() as opened:
        question()
    return file in opened.read


def refused(question: Callable[[], object]) -> bool:
    """Whether a question is refused, in one line."""
    try:
        question()
    except GistevalError as error:
        assert str(error).strip() and str(error).isprintable()
        return True
    return False


@pytest.fixture(scope="module")
def remembered() -> Iterator[None]:
    """No interval is computed twice, no figure drawn again of the same data: most cases change neither."""
    interval = BoundedMean.interval
    intervals: dict[tuple[object, ...], Estimate] = {}
    drawn: set[str] = set()

    def interval_of(mean: BoundedMean, confidence: float = 0.95) -> Estimate:
        numbers = (mean.value, mean.n, mean.clusters, mean.low, mean.high, confidence)
        key = (*numbers, *(array.tobytes() for array in (mean.sums, mean.sizes, mean.counts)))
        if key not in intervals:
            intervals[key] = interval(mean, confidence)
        return intervals[key]

    def draw(data: ReportData, samples: Samples, folder: FigureFolder) -> list[RunFigure]:
        points = [compressed_points(data, data.leading.name)]
        points += [frontier_points(data, measure) for measure in (data.leading.name, *METRICS)]
        curves = [
            (system.name, system.role, system.loss) for run in data.runs for system in run.folder.systems
        ]
        of_runs = [(run.name, run.names, run.profile, run.metrics) for run in data.runs]
        key = repr((points, curves, of_runs, data.rows, data.judging, data.doubts, samples))
        if key in drawn:
            return []
        figures = draw_figures(data, samples, folder)
        drawn.add(key)
        return figures

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BoundedMean, "interval", interval_of)
        patch.setattr(build, "draw_figures", draw)
        yield


@pytest.fixture(scope="module")
def sound(tmp_path_factory, write_small_run, make_example) -> Path:
    """Two examples a split, answered and judged twice: in both orders, and by a judge of this program."""
    splits = {split: [make_example(number, split) for number in range(2)] for split in ("seen", "human")}
    run = write_small_run(tmp_path_factory.mktemp("sound") / "run", splits, judge="chat").path
    judge_run(run, JudgeOptions("reference"))
    shutil.rmtree(run / "report")
    return run


@pytest.mark.parametrize("most", [QUICK, pytest.param(10**9, marks=pytest.mark.faults)])
@pytest.mark.parametrize("name", FILES)
def test_a_wrong_value_is_one_line_or_read(
    name: str, most: int, sound, remembered, tmp_path, monkeypatch
) -> None:
    long = most > QUICK
    run = tmp_path / "run"
    shutil.copytree(sound, run)
    file = run / name
    raw = file.read_text(encoding="utf-8")
    first, others = (raw.split("\n", 1)) if file.suffix == ".jsonl" else (raw, "")
    content = json.loads(first)
    cases = cases_of(name, content)
    questions = [
        question for question in questions_to(run, sound, tmp_path / "report") if reads(question, file)
    ]
    part = Part(f"wrong-values-{file.stem}", min(most, len(cases)), SHARE, long=long)
    failures = []
    for number in part.cases(least=QUICK):
        place, value = cases[number]
        drawn = long and value == DRAWN and not any(step in (1, 2) for step in place)
        monkeypatch.setattr(build, "can_draw", can_draw if drawn else lambda: False)
        shutil.rmtree(run)
        shutil.copytree(sound, run)
        file.write_text(f"{json.dumps(changed(content, place, value))}\n{others}")
        try:
            refusals = sum(refused(question) for question in questions)
        except Exception as error:
            part.broke(number)
            failures.append(f"{place} = {value!r:.30}: {type(error).__name__}: {error}")
        else:
            part.ended(number, "a refusal" if refusals else "no refusal")
    assert not failures, "\n".join(failures)
    print(f"\n{part}")
    assert part.ends["a refusal"] > part.ends.total() // 4
