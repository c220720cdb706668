"""What a judge's verdicts in a run come to does not depend on the order in which replies came."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gisteval.judging.study import matchups, negative_controls, study_judge, trusts, verdicts_on
from gisteval.records.run_folder import RunFolder

N = 30
OUTPUTS = {"pos": [f"ref {n}" for n in range(N)], "gist": [f"ref {n}" if n % 3 else "no" for n in range(N)]}


@pytest.fixture
def judged(make_run, gisteval) -> RunFolder:
    run: Path = make_run(OUTPUTS)
    assert gisteval("judge", run).code == 0
    return RunFolder.open(run)


def test_the_control_against_itself_comes_first(judged: RunFolder) -> None:
    both = list(matchups(judged))
    assert [(m.system, m.reference) for m in both] == [("pos", "pos"), ("gist", "pos")]
    assert list(both[1].ours.values()) == OUTPUTS["gist"] and both[0].ours == both[1].theirs


def test_lines_in_another_order_change_nothing(judged: RunFolder) -> None:
    file = judged.verdicts("reference", "gist")
    before = study_judge(judged, "reference")
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[::-1]))
    again = RunFolder.open(judged.path)
    after = study_judge(again, "reference")
    entries = [[s.figures() for s in study.summaries.values()] for study in (before, after)]
    assert entries[0] == entries[1] and before.trust == after.trust
    matchup = list(matchups(again))[1]
    pairs = [verdict.pair for verdict in verdicts_on(again, "reference", matchup)]
    assert list(dict.fromkeys(pairs)) == list(matchup.pairs)


def test_results_that_state_no_trust_are_studied_anew(judged: RunFolder) -> None:
    stated = trusts(judged, judged.judging())
    file = judged.path / "results.json"
    results = json.loads(file.read_text())
    for entry in results["judging"]:
        for name in ("veto", "doubt", "checks"):
            entry.pop(name, None)
    file.write_text(json.dumps(results))
    older = RunFolder.open(judged.path)
    anew = trusts(older, older.judging())
    assert {judge: (t.reasons, t.doubt, t.caveats) for judge, t in anew.items()} == {
        judge: (t.reasons, t.doubt, t.caveats) for judge, t in stated.items()
    }
    assert negative_controls(older) == {}
