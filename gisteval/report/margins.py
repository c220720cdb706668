"""What candidates are held by, how far they lie from their positive control, and whether one may say so.

First the controls: where the negative one is not shown to be below the positive one, nothing is said of
what lies between them. A candidate is held against its positive control by its win rate where a judge was
asked, else by the paired difference in the leading metric. "Within" is a loss of MARGIN points that is
excluded, "worse" a tie that is excluded; where neither is, both are left open. The p-values are those of
the rows, by the method of their intervals, corrected for all claims of the report (`report.budget`).
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
    """A candidate less its positive control in points, with the 95% interval (None: there is none).

    p_within and p_worse: p-values of a loss of MARGIN points, and of none, corrected for `among` candidates
    and splits. why_open: what forbids any claim, such as controls that are not shown to be apart.
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
        """Shown to be less than MARGIN points below."""
        return self.why_open is None and self.p_within <= LEVEL

    @property
    def worse(self) -> bool:
        """Shown to be below."""
        return self.why_open is None and self.p_worse <= LEVEL

    @property
    def finding(self) -> str:
        """What is shown, in a few words."""
        if self.worse:
            return f"below, by less than {MARGIN:g}" if self.within else "below"
        return f"within {MARGIN:g}" if self.within else "open"


@dataclass(frozen=True, slots=True)
class Apart:
    """Whether a negative control is below its positive one on a split, by one measure.

    p_value: corrected. evidence: both values, and their difference with its 95% interval.
    """

    negative: str
    positive: str
    split: str
    measure: str
    p_value: float
    evidence: str

    @property
    def shown(self) -> bool:
        """Whether it is."""
        return self.p_value <= LEVEL


def margins(
    rows: Iterable[ResultRow], doubts: Doubts = NO_DOUBTS, leading: str = LEADING
) -> tuple[str, list[Margin]]:
    """What candidates are held by, and each margin: the first judge's win rate, or the leading metric.

    Win rates of a judge in doubt make no margin, and nothing else takes their place.
    """
    found = list(rows)
    measure, held = _held(found, doubts, leading)
    apart = controls_apart(found, doubts, leading)
    corrected: dict[int, tuple[float, float]] = {}
    families = Counter(row.reference for row in held)
    for reference in families:
        places = [place for place, row in enumerate(held) if row.reference == reference]
        tests = [(_known(held[place].p_within), _known(held[place].p_worse)) for place in places]
        corrected |= zip(places, corrected_margins(tests), strict=True)
    return measure, [
        _margin(row, *corrected[place], families[row.reference], apart) for place, row in enumerate(held)
    ]


def _held(rows: Sequence[ResultRow], doubts: Doubts, leading: str) -> tuple[str, list[ResultRow]]:
    """The measure in words, and the candidates' rows of it."""
    judged = [row for row in rows if row.metric == "win_rate" and is_candidate(row)]
    judged = [row for row in judged if not doubts.on(row.judge, row.system, row.split)]
    if doubts.judges and not judged:
        return f"the win rate (judge {doubts.judges[0]}, which can't be relied on)", []
    judged = [row for row in judged if row.judge == judged[0].judge]
    if judged:
        return f"the win rate (judge {judged[0].judge}) less 50", judged
    found = [row for row in rows if row.metric == leading and is_candidate(row)]
    compared = [row for row in found if row.difference is not None]
    return f"{metric(leading).title} less the positive control's", compared


def _margin(row: ResultRow, p_within: float, p_worse: float, among: int, apart: Sequence[Apart]) -> Margin:
    own = [
        found
        for found in apart
        if (found.negative, found.positive, found.split) == (row.negative, row.reference, row.split)
    ]
    why = None
    if not own:
        why = "no negative control shows what the measure can tell"
    elif not all(found.shown for found in own):
        why = "the controls are not shown to be apart"
    if row.metric == "win_rate":
        value, low, high = row.value - 50, _less(row.ci_low), _less(row.ci_high)
    else:
        value, low, high = row.difference or 0.0, row.difference_ci_low, row.difference_ci_high
    return Margin(row.system, row.split, value, low, high, p_within, p_worse, among, why)


def controls_apart(
    rows: Sequence[ResultRow], doubts: Doubts = NO_DOUBTS, leading: str = LEADING
) -> list[Apart]:
    """Of all controls: by the leading metric, and by the judge if candidates are judged."""
    _, held = _held(rows, doubts, leading)
    judge = held[0].judge if held else None
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
        own = [place for place in tested if place[1] == positive]
        adjusted |= zip(own, stats.holm([tested[place] for place in own]), strict=True)
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
    """Both controls' values and how far they are apart."""
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
    """Whether the row is of neither control."""
    return row.condition not in ("pos_control", "neg_control")


def _less(value: float | None) -> float | None:
    return None if value is None else value - 50


def _known(p_value: float | None) -> float:
    """Rows of an earlier version have no such test: nothing is shown by them."""
    return 1.0 if p_value is None else p_value


def ends_text(low: float | None, high: float | None, sign: str) -> str:
    """An interval in brackets behind its number. sign: "+" shows one on positive ends."""
    if low is None or high is None:
        return " (no interval)"
    return f" [{low:{sign}.1f}, {high:{sign}.1f}]"
