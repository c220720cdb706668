"""What is decided before a model is loaded: folders, controls and keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gisteval.compressors.pruning.truncate import Truncate
from gisteval.config import RunConfig
from gisteval.errors import GistevalError
from gisteval.pipeline.run.plan import Plan, output_folder, plan_run, run_identity


@pytest.fixture
def planned(tiny_suite: Path, tiny_task: Path):
    """Plans a run of gist-3 with changes: planned(seed=1)."""

    def make(**changes: Any) -> Plan:
        known = {"models": (str(tiny_suite / "gist-3"),), "task": str(tiny_task), "limit": 2}
        return plan_run(RunConfig(**{**known, **changes}))

    return make


def test_a_run_has_a_folder_of_its_own_unless_only_its_speed_changes(planned) -> None:
    folder = output_folder(planned())
    assert folder.parent == Path("runs") and folder.name.startswith("gist-3-tiny-")
    for speed in ({"batch_size": "2"}, {"judge": "none"}, {"device": "cpu"}):
        assert output_folder(planned(**speed)) == folder, speed
    others = [
        output_folder(planned(**changes))
        for changes in ({"seed": 1}, {"limit": 3}, {"max_new_tokens": 5}, {"dtype": "bfloat16"})
    ]
    assert len({folder, *others}) == 5
    assert output_folder(planned(output="here")) == Path("here")


def test_each_system_has_the_controls_of_its_suite(planned) -> None:
    plan = planned(compressors=("gist", "truncate"), budgets=("4",))
    names = [system.name for system in plan.systems]
    assert len(names) == len(set(names)) == 4
    roles = {system.name: system.role for system in plan.systems}
    assert {roles[plan.references[name]] for name in names} == {"positive"}
    assert {roles[plan.negatives[name]] for name in names} == {"negative"}
    assert plan.evaluated == {name for name in names if roles[name] == "candidate"}
    assert set(run_identity(plan).systems) == set(names)


def test_a_split_without_an_example_is_named(planned, tmp_path: Path, write_task) -> None:
    task = write_task(tmp_path / "task", [], "test")
    with pytest.raises(GistevalError, match=r"^split 'test' of task small has no examples$"):
        planned(task=str(task))


def test_records_of_the_old_truncation_are_not_taken_for_new_ones(tiny_suite: Path) -> None:
    config = RunConfig(
        models=(str(tiny_suite / "gist-1"),), compressors=("truncate", "gist"), budgets=("4",), limit=2
    )
    versions = {s.compressor: s.compressor_version for s in plan_run(config).identities.values()}
    assert versions == {"full": 1, "gist": 1, "truncate": Truncate.version, "empty": 1}
    assert Truncate.version == 2
