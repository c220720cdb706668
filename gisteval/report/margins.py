"""Margins: the differences of candidates from their positive controls, and what is shown about them.

The controls come first. If the negative control is not shown to be below the positive one, nothing can be
said of the systems between them. A candidate is compared with its positive control by its win rate if a
judge was asked, else by the paired difference in the leading metric. "Within" means that a loss of MARGIN
points is excluded, "worse" that a tie is excluded. If neither is excluded, both are left open. The p-values
are those of the rows, corrected for all claims of the report (`report.budget`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gisteval import stats
from gisteval.metrics import LEADING, metric
from gisteval.records.schema import ResultRow
from gisteval.report.budget import CONTROLS, LEVEL, corrected_margins
from gisteval.report.doubts import NO_DOUBTS, Doubts
from gisteval.stats import MARGIN


@dataclass(frozen=True, slots=True)
class Margin:
    """A candidate's difference from its positive control.

    Attributes:
        system: The candidate.
        split: The split.
        value: The difference in points.
        low: The low end of its 95% interval; None without an interval.
        high: The high end.
        p_within: The corrected p-value of a loss of at least MARGIN points.
        p_worse: The corrected p-value of no loss.
        among: The number of candidates and splits that the p-values are corrected for.
        why_open: Why no claim is possible, such as controls that are not shown to differ; None if one is.
    """

    system: str
    split: str
    value: float
    low: float | None
    high: float | None
    p_within: float
    p_worse: float
    among: int
    why_open: str | None

    @property
    def within(self) -> bool:
        """Whether it is shown that the candidate is less than MARGIN points below."""
        return self.why_open is None and self.p_within <= LEVEL

    @property
    def worse(self) -> bool:
        """Whether it is shown that the candidate is below."""
        return self.why_open is None and self.p_worse <= LEVEL

    @property
    def finding(self) -> str:
        """The result in a few words."""
        if self.worse:
            return f"below, by less than {MARGIN:g}" if self.within else "below"
        return f"within {MARGIN:g}" if self.within else "open"


@dataclass(frozen=True, slots=True)
class Apart:
    """The test whether a negative control is below its positive one.

    Attributes:
        negative: The negative control.
        positive: The positive control.
        split: The split.
        measure: The measure in words: the leading metric or a win rate.
        p_value: The corrected p-value.
        evidence: Both values, and their difference with its 95% interval.
    """

    negative: str
    positive: str
    split: str
    measure: str
    p_value: float
    evidence: str

    @property
    def shown(self) -> bool:
        """Whether it is shown to be below."""
        return self.p_value <= LEVEL


def margins(
    rows: Iterable[ResultRow], doubts: Doubts = NO_DOUBTS, leading: str = LEADING
) -> tuple[str, list[Margin]]:
    """Compute the margin of each candidate on each split.

    The measure is the first judge's win rate, or the leading metric if no judge was asked. Win rates of a
    judge in doubt have no margin, and no other measure replaces them.

    Returns:
        The measure in words, and the margins in the order of the rows.
    """
    all_rows = list(rows)
    measure, compared = _compared_rows(all_rows, doubts, leading)
    controls = controls_apart(all_rows, doubts, leading)
    corrected: dict[int, tuple[float, float]] = {}
    families = Counter(row.reference for row in compared)
    for reference in families:
        places = [place for place, row in enumerate(compared) if row.reference == reference]
        tests = [(_known(compared[place].p_within), _known(compared[place].p_worse)) for place in places]
        corrected |= zip(places, corrected_margins(tests), strict=True)
    return measure, [
        _margin(row, *corrected[place], families[row.reference], controls)
        for place, row in enumerate(compared)
    ]


def _compared_rows(rows: Sequence[ResultRow], doubts: Doubts, leading: str) -> tuple[str, list[ResultRow]]:
    """Return the measure in words, and the candidates' rows of it."""
    judged = [row for row in rows if row.metric == "win_rate" and is_candidate(row)]
    judged = [row for row in judged if not doubts.on(row.judge, row.system, row.split)]
    if doubts.judges and not judged:
        return f"the win rate (judge {doubts.judges[0]}, which can't be relied on)", []
    judged = [row for row in judged if row.judge == judged[0].judge]
    if judged:
        return f"the win rate (judge {judged[0].judge}) less 50", judged
    scored = [row for row in rows if row.metric == leading and is_candidate(row)]
    compared = [row for row in scored if row.difference is not None]
    return f"{metric(leading).title} less the positive control's", compared


def _margin(
    row: ResultRow, p_within: float, p_worse: float, among: int, controls: Sequence[Apart]
) -> Margin:
    of_this_row = [
        pair
        for pair in controls
        if (pair.negative, pair.positive, pair.split) == (row.negative, row.reference, row.split)
    ]
    why_open = None
    if not of_this_row:
        why_open = "there is no negative control to compare with"
    elif not all(pair.shown for pair in of_this_row):
        why_open = "the controls do not differ significantly"
    if row.metric == "win_rate":
        value, low, high = row.value - 50, _less(row.ci_low), _less(row.ci_high)
    else:
        value, low, high = row.difference or 0.0, row.difference_ci_low, row.difference_ci_high
    return Margin(row.system, row.split, value, low, high, p_within, p_worse, among, why_open)


def controls_apart(
    rows: Sequence[ResultRow], doubts: Doubts = NO_DOUBTS, leading: str = LEADING
) -> list[Apart]:
    """Test all pairs of controls by the leading metric, and by the judge if candidates are judged."""
    _, compared = _compared_rows(rows, doubts, leading)
    judge = compared[0].judge if compared else None
    tested: dict[tuple[str, str, str, str], float] = {}
    for row in rows:
        if row.reference is None or (
            row.metric != leading and (row.metric, row.judge) != ("win_rate", judge)
        ):
            continue
        if row.condition == "neg_control":
            negative, p_value = row.system, row.p_worse
        else:
            negative, p_value = row.negative or "", row.p_controls
        if negative and p_value is not None:
            place = (negative, row.reference, row.split, row.metric)
            tested[place] = max(p_value, tested.get(place, 0.0))
    adjusted = dict.fromkeys(tested, 1.0)
    for positive in {place[1] for place in tested}:
        beside_it = [place for place in tested if place[1] == positive]
        adjusted |= zip(beside_it, stats.holm([tested[place] for place in beside_it]), strict=True)
    return [
        Apart(
            negative,
            positive,
            split,
            metric(name).title if name == leading else f"the win rate (judge {judge})",
            min(p_value / CONTROLS, 1.0),
            _between(rows, negative, positive, split, name, judge),
        )
        for (negative, positive, split, name), p_value in adjusted.items()
    ]


def _between(
    rows: Sequence[ResultRow], negative: str, positive: str, split: str, name: str, judge: str | None
) -> str:
    """Write both controls' values and their difference."""
    by_system = {
        row.system: row
        for row in rows
        if (row.metric, row.split) == (name, split) and row.judge == (judge if name == "win_rate" else None)
    }
    low, high = by_system.get(negative), by_system.get(positive)
    if low is None:
        return ""
    if name == "win_rate":
        return f"{low.value:.1f}{ends_text(low.ci_low, low.ci_high, '')} against 50"
    against = "" if high is None else f" against {high.value:.1f}"
    if low.reference != positive or low.difference is None:
        return f"{low.value:.1f}{against}"
    ends = ends_text(low.difference_ci_low, low.difference_ci_high, "+")
    return f"{low.value:.1f}{against}, {low.difference:+.1f}{ends}"


def is_candidate(row: ResultRow) -> bool:
    """Say whether the row is about a candidate, not a control."""
    return row.condition not in ("pos_control", "neg_control")


def _less(value: float | None) -> float | None:
    return None if value is None else value - 50


def _known(p_value: float | None) -> float:
    """Replace a missing p-value by 1. Rows of an earlier version have no such test."""
    return 1.0 if p_value is None else p_value


def ends_text(low: float | None, high: float | None, sign: str) -> str:
    """Write an interval in brackets, to stand after its number. With sign "+", all ends have a sign."""
    if low is None or high is None:
        return " (no interval)"
    return f" [{low:{sign}.1f}, {high:{sign}.1f}]"
