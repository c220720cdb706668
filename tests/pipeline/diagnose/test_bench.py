"""Observations are made once, in pieces, and models make room for each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest

from gisteval.config import RunConfig
from gisteval.diagnostics.reading import Found
from gisteval.pipeline.diagnose.bench import LOADED, Bench, Unit
from gisteval.pipeline.run.plan import Plan, plan_run
from gisteval.records.diagnosis import observations_file

SETTINGS = ("reference", "own answer")


@pytest.fixture
def plan(tiny_suite: Path, tiny_task: Path) -> Plan:
    """Two gists and their controls on four examples, of which no weights are loaded."""
    return plan_run(RunConfig(models=(str(tiny_suite),), task=str(tiny_task), limit=4, judge="none"))


def unit_of(plan: Plan, taken: list[str]) -> Unit:
    """A piece that finds the number of each example, the last one first, and notes what it was asked."""
    examples = plan.examples["test"]

    def take() -> Iterator[list[Found]]:
        for number in reversed(range(len(examples))):
            taken.append(examples[number].id)
            yield [Found(examples[number], setting, {"nll": number + 1 / 3}) for setting in SETTINGS]

    return Unit("divergence", 1, plan.systems[1], plan.systems[0], "test", SETTINGS, ("a",), examples, take)


def test_what_is_there_is_not_taken_again(plan: Plan, tmp_path: Path) -> None:
    taken: list[str] = []
    unit = unit_of(plan, taken)
    first = Bench(plan, tmp_path).observe(unit)
    names = [example.id for example in plan.examples["test"]]
    assert [(item.setting, item.example) for item in first] == [(s, n) for s in SETTINGS for n in names]
    assert first[1].values == {"nll": 1.33333333}  # nine digits
    assert Bench(plan, tmp_path).observe(unit) == first and len(taken) == len(names)
    file = observations_file(tmp_path, unit.measure, unit.system.name)
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(lines[:3]) + lines[3][:9], encoding="utf-8")  # torn
    assert Bench(plan, tmp_path).observe(unit) == first
    assert len(file.read_text(encoding="utf-8").splitlines()) == len(lines)


def test_an_observation_is_another_one_if_what_it_is_of_changes(plan: Plan) -> None:
    unit = unit_of(plan, [])
    keys = unit.keys()
    assert len(keys) == len(SETTINGS) * len(plan.examples["test"])
    changes = {"measure": "work", "version": 2, "identities": ("b",), "settings": ("leak 1", "leak 2")}
    for name, value in changes.items():
        assert not keys & replace(unit, **{name: value}).keys(), name
    # The identities hold the systems' digests; names and splits alone change no key.
    same = {"system": plan.systems[2], "reference": None, "split": "seen"}
    assert set(changes) | set(same) | {"examples", "take"} == {field.name for field in fields(Unit)}
    for name, value in same.items():
        assert keys == replace(unit, **{name: value}).keys(), name


def test_the_model_that_was_used_the_longest_ago_makes_room(plan: Plan, tmp_path: Path) -> None:
    bench = Bench(plan, tmp_path)
    first, second, third = (system.checkpoint for system in plan.systems[:3])
    kept, dropped = bench.model(first), bench.model(second)
    assert LOADED == 2 and bench.model(first) is kept
    bench.model(third)
    assert bench.model(first) is kept and bench.model(second) is not dropped
