"""The entries on judges in results.json: every kind is read as it was written, by any version."""

from __future__ import annotations

import json

import pytest

from gisteval.records.json_object import WrongField
from gisteval.records.judge_figures import (
    AgreementFigures,
    Check,
    ControlFigures,
    Interval,
    JudgingEntry,
    PairFigures,
    PanelFigures,
    Repeated,
    pair_entries,
    read_entry,
)
from gisteval.records.schema import Estimate

PLACE = {"task": "t", "split": "s", "system": "a", "reference": "p"}
PAIRS = PairFigures(
    judge="j", **PLACE, examples=9, pairs=9, equal_outputs=1, wins=3, ties=2, losses=3, missing_pairs=1,
    looks=18, errors=1, invalid=0, cost=0.5, win_rate=Interval(50.0, 40.0, None, 9), win_rate_adjusted=None,
    flip_rate=None, first_shown_share=None, longer_share=None, length_slope=None,
    again=Repeated(4, 75.0, None), veto=None, doubt="few", checks=(Check("length", "holds", "x"),),
)  # fmt: skip
ENTRIES: list[JudgingEntry] = [
    PAIRS,
    ControlFigures(judge="j", **PLACE, looks=9, answered=8, ties=50.0, first_shown_share=None),
    AgreementFigures(judges=("j", "human:a"), **PLACE, n=9, agreement=90.0, kappa=0.5),
    PanelFigures(judges=("human:a",), **PLACE, pairs=9, answers=9, preference=None, alpha=None),
]


def test_every_kind_is_read_as_it_was_written() -> None:
    for entry in ENTRIES:
        line = json.dumps(entry.to_json(), allow_nan=False)
        assert read_entry(json.loads(line)) == entry
        assert next(iter(json.loads(line))) == "kind"
    assert pair_entries(ENTRIES) == [PAIRS]
    assert [entry.judges for entry in ENTRIES] == [("j",), ("j",), ("j", "human:a"), ("human:a",)]


def test_an_entry_of_the_first_version_states_no_trust() -> None:
    content = PAIRS.to_json()
    for name in ("task", "examples", "cut", "prompt_tokens", "order_effect", "veto", "doubt", "checks"):
        del content[name]
    old = read_entry(content)
    assert isinstance(old, PairFigures) and old.checks is None and old.examples == 0
    assert not {"veto", "doubt", "checks"} & old.to_json().keys()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"kind": "x"},
            "judging[0].kind is 'x', not one of pairs, control, panel, agreement, corrected, length",
        ),
        ({"wins": -1}, "judging[0].wins is -1, not a whole number from 0"),
        ({"win_rate": 50.0}, "judging[0].win_rate is 50.0, not a mapping"),
        ({"checks": [{"rule": "x"}]}, "judging[0].checks[0].state is missing"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, object], says: str) -> None:
    with pytest.raises(WrongField) as refused:
        read_entry({**PAIRS.to_json(), **change}, "judging[0]")
    assert str(refused.value) == says


def test_an_unbounded_end_is_null() -> None:
    estimate = Estimate(50.0, float("-inf"), 60.0, 9, 9, 0.95, "x")
    assert Interval.of(estimate) == Interval(50.0, None, 60.0, 9)
    assert Interval.of(None) is None
