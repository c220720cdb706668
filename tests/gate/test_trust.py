"""A judge that can't be relied on in one of the runs supports no verdict."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from gated_runs import gate

from gisteval.errors import InvalidRun
from gisteval.gate.output import gate_text, junit_xml
from gisteval.gate.sides import Side
from gisteval.gate.trust import UnderVeto, judge_studies
from gisteval.records.run_folder import RunFolder

MakeRun = Callable[..., Path]


def test_a_judge_that_can_not_be_told_from_guessing_gives_no_verdict(make_run: MakeRun) -> None:
    few = make_run("few", [0.5] * 4, system="neg_control-1", role="negative")
    result = gate(few, few, margin=60.0, inconclusive="pass")
    assert result.splits[0].checks[0].outcome == "PASS"
    assert (result.outcome, result.exit_code) == ("INCONCLUSIVE", 3)
    assert "human: INCONCLUSIVE" in gate_text(result)
    assert "the negative control neg_control-1 wins 50.0 [" in result.warnings[-1]
    assert ElementTree.fromstring(junit_xml(result)).find("testsuite").get("failures") == "1"
    many = make_run("many", [0.5] * 40, system="neg_control-1", role="negative")
    with pytest.raises(InvalidRun, match="is under veto: the negative control neg_control-1 wins"):
        gate(many, many)


def test_a_doubt_in_one_run_is_none_if_the_other_shows_the_judge_to_know(make_run: MakeRun) -> None:
    """In both runs a negative control; in one it ties on a few pairs, in the other it loses them all."""
    runs = [
        make_run(name, values, system="neg_control-1", role="negative")
        for name, values in (("unsure", [0.5] * 4), ("sure", [0.0] * 40))
    ]
    sides = [Side(RunFolder.open(run), "neg_control-1") for run in runs]
    doubts = [judge_studies([side], "reference").doubt for side in sides]
    assert "the negative control neg_control-1 wins" in doubts[0] and doubts[1] == ""
    assert judge_studies(sides, "reference").doubt == ""


def test_a_veto_names_the_run_and_only_the_splits_that_are_asked_for(make_run: MakeRun) -> None:
    values = {"seen": [0.5] * 40, "human": [0.0] * 40}
    run = make_run("run", values, system="neg_control-1", role="negative")
    side = Side(RunFolder.open(run), "neg_control-1")
    studies = judge_studies([side], "reference")
    said = studies.veto([side], ["human", "seen"])
    assert said.startswith(f"judge reference of {run} is under veto: ") and "on seen" in said
    assert studies.veto([side], ["human"]) == ""
    studies.check([side], ["human"])
    with pytest.raises(UnderVeto, match="no verdict rests on it"):
        studies.check([side], ["seen"])
