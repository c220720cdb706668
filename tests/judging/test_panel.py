"""Several judges of the same pairs: who is compared with whom, and the panel's preference."""

from __future__ import annotations

import pytest

from gisteval.judging.pairs import PairScore
from gisteval.judging.panel import side_by_side
from gisteval.judging.protocol import Matchup
from gisteval.records.judge_figures import AgreementFigures, PanelFigures
from gisteval.records.schema import Example

EXAMPLES = {e.content_id: e for e in (Example(str(n), "t", "s", f"say {n}", "", "r") for n in range(4))}
MATCHUP = Matchup(
    "t", "s", "gist", "pos", EXAMPLES, dict.fromkeys(EXAMPLES, "x"), dict.fromkeys(EXAMPLES, "y")
)


def scores(*values: float | None) -> dict[str, PairScore]:
    return {pair: PairScore(value, {"ab": value}) for pair, value in zip(EXAMPLES, values, strict=False)}


def test_any_two_judges_are_compared_and_people_make_a_panel() -> None:
    entries = side_by_side(
        MATCHUP,
        {
            "reference": scores(1.0, 1.0, 0.0, 0.5),
            "human:ann": scores(1.0, 0.0, 0.0, None),
            "human:bob": scores(1.0, 1.0),
        },
    )
    agreements = {e.judges: e for e in entries if isinstance(e, AgreementFigures)}
    assert {pair: (e.n, e.agreement) for pair, e in agreements.items()} == {
        ("reference", "human:ann"): (3, pytest.approx(200 / 3)),
        ("reference", "human:bob"): (2, 100.0),
        ("human:ann", "human:bob"): (2, 50.0),
    }
    (panel,) = (e for e in entries if isinstance(e, PanelFigures))
    assert panel.judges == ("human:ann", "human:bob")
    assert (panel.pairs, panel.answers) == (3, 5)
    assert panel.preference is not None
    assert panel.preference.value == pytest.approx((100 + 50 + 0) / 3)  # over people, then over pairs


def test_a_judge_alone_is_compared_with_nobody() -> None:
    assert side_by_side(MATCHUP, {"reference": scores(1.0)}) == []


def test_an_order_that_tips_the_mean_decides() -> None:
    (entry,) = side_by_side(MATCHUP, {"one": scores(0.75, 0.25), "other": scores(1.0, 0.5)})
    assert isinstance(entry, AgreementFigures)
    assert (entry.n, entry.agreement) == (2, 50.0)
