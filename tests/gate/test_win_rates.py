"""Win rates of one side, and the judge that both sides share."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gated_runs import EQUAL, gate

from gisteval.errors import GistevalError, InvalidRun
from gisteval.gate.sides import Side, shared_examples
from gisteval.gate.win_rates import win_rate_values
from gisteval.judging.study import study_judge
from gisteval.records.run_folder import RunFolder

MakeRun = Callable[..., Path]


def test_the_positive_control_ties_with_itself(make_run: MakeRun) -> None:
    run = make_run("run", EQUAL)
    result = gate(run, run, system="pos", margin=12.0)
    assert result.splits[0].candidate.mean == 50.0
    assert result.outcome == "PASS"


def test_several_judges_need_a_name(make_run: MakeRun) -> None:
    run = make_run("two", EQUAL)
    other = make_run("other", [0.0, 0.0, 0.5, 0.25, 0.5, 0.0] * 25, judge="openai")
    for file in (other / "verdicts").iterdir():
        shutil.copy(file, run / "verdicts")
    with pytest.raises(GistevalError, match="name one with --judge: openai, reference"):
        gate(run, run)
    assert gate(run, run, judge="openai").splits[0].candidate.mean < 25


def test_values_are_those_of_the_pairs_and_a_lost_output_is_a_lost_pair(make_run: MakeRun) -> None:
    run = RunFolder.open(make_run("run", [1.0, 0.75, None, "flip", 0.0, 1.0], failed=[5]))
    side = Side(run, "gist-1")
    examples = shared_examples(side, side, "human")
    found = win_rate_values(side, "human", examples, study_judge(run, "reference"))
    np.testing.assert_array_equal(found.values, [100.0, 75.0, np.nan, 50.0, 0.0, 0.0])
    assert found.absent.tolist() == [False] * 5 + [True]
    assert (found.failed, found.exact_matches, found.unseen) == (1, 0.0, None)


def test_a_system_that_the_manifest_does_not_name_is_one_line(make_run: MakeRun) -> None:
    run = make_run("run", EQUAL)
    file = run / "manifest.json"
    content = json.loads(file.read_text())
    for system in content["systems"]:
        system["name"] = {"pos": "renamed"}.get(system["name"], system["name"])
    file.write_text(json.dumps(content))
    sound = make_run("sound", EQUAL)
    with pytest.raises(
        InvalidRun, match=r"gist-1 has no figures of reference .* manifest\.json names other"
    ):
        gate(run, sound, system="gist-1", baseline_system="gist-1")
