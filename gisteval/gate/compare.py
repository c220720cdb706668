"""`gisteval compare`: paired differences of two systems on each metric, and the largest changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from gisteval import stats
from gisteval.errors import GistevalError
from gisteval.gate.changes import Change, Outputs, Pair, most_changed
from gisteval.gate.measures import WIN_RATE, columns_of, gate_metric, unread_references
from gisteval.gate.sides import Side, shared_examples, shared_splits
from gisteval.gate.trust import JudgeStudies, judge_studies
from gisteval.gate.win_rates import check_same_positive, win_rate_values
from gisteval.metrics import ControlMetric, Metric, OutputMetric, metric
from gisteval.records.schema import Example, finite
from gisteval.scores.comparison import paired_difference
from gisteval.scores.facts import run_metrics


@dataclass(frozen=True, slots=True)
class MetricDifference:
    """First minus second on one metric and split, over the examples that both have a value for.

    An example without an output counts as it does in the run's results.

    Attributes:
        split: The split.
        metric: The metric, or `win_rate (JUDGE)`.
        first: The mean of the first system, in the metric's unit.
        second: The mean of the second system.
        difference: The mean difference.
        ci_low: The low end of its 95% interval, clustered by instruction; None if unbounded.
        ci_high: The high end; None if unbounded.
        p_value: The two-sided p-value of no difference, by the method of the interval.
        p_holm: The same, adjusted for all rows of the comparison.
        higher: The number of examples on which the first system's value is higher.
        equal: The number of examples on which both values are equal.
        lower: The number of examples on which the first system's value is lower.
        n: The number of examples.
        doubt: Why the judge can't be relied on; empty if it can.
    """

    split: str
    metric: str
    first: float
    second: float
    difference: float
    ci_low: float | None
    ci_high: float | None
    p_value: float
    p_holm: float
    higher: int
    equal: int
    lower: int
    n: int
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two systems compared on all splits that their runs share.

    Attributes:
        first: The first system.
        second: The second system.
        differences: A row for each split and metric.
        changes: The examples that changed most, split by split.
        left_out: A line for each metric that could not be compared, with the reason.
        vetoes: A line for each judge that is under veto.
        leading: The title of the metric that the changes are measured by.
    """

    first: Side
    second: Side
    differences: tuple[MetricDifference, ...]
    changes: tuple[Change, ...]
    left_out: tuple[str, ...]
    vetoes: tuple[str, ...] = ()
    leading: str = ""

    def to_json(self) -> dict[str, object]:
        """Return the comparison as plain values for JSON."""
        return {
            "first": {"run": str(self.first.run.path), "system": self.first.system},
            "second": {"run": str(self.second.run.path), "system": self.second.system},
            "differences": [asdict(row) for row in self.differences],
            "changes": [asdict(change) for change in self.changes],
            "left_out": list(self.left_out),
            "vetoes": list(self.vetoes),
        }


def compare(
    first: Side, second: Side, splits: Sequence[str] = (), changed: int = 5, named: Sequence[str] = ()
) -> Comparison:
    """Compare two systems.

    Args:
        first: The system that the other one is subtracted from.
        second: The other system.
        splits: The splits. Default: all that both runs have.
        changed: The number of changed examples to list per split.
        named: The names of metrics. Default: the usual ones of the first run, and all win rates.

    Raises:
        GistevalError: A name is not a metric with a value for each example.
        InvalidRun: The runs don't share their examples, or one of them is unfinished.
    """
    metrics = [gate_metric(name) for name in named] or _usual_metrics(first)
    leading = next((m for m in metrics if m.paired and isinstance(m, OutputMetric)), None)
    rows: list[MetricDifference] = []
    changes: list[Change] = []
    left_out: list[str] = []
    shared = shared_splits(first, second, splits)
    studies_by_judge = _common_judges(first, second) if not named or WIN_RATE in named else {}
    for split in shared:
        examples = shared_examples(first, second, split)
        pairs, outputs = _columns(first, second, split, examples, metrics, left_out)
        judged = _win_rates(first, second, split, examples, studies_by_judge, left_out)
        for measured, pair in pairs.values():
            rows += _difference(split, measured, measured.name, pair, examples)
        for judge, pair in judged.items():
            doubt = studies_by_judge[judge].veto((first, second), [split]) or studies_by_judge[judge].doubt
            differences = _difference(split, metric(WIN_RATE), f"win_rate ({judge})", pair, examples)
            rows += [replace(row, doubt=doubt) for row in differences]
        if leading is not None and leading.name in pairs:
            changes += most_changed(split, pairs[leading.name][1], examples, *outputs, changed)
    adjusted = stats.holm([row.p_value for row in rows])
    rows = [replace(row, p_holm=p) for row, p in zip(rows, adjusted, strict=True)]
    vetoes = filter(None, (studies.veto((first, second), shared) for studies in studies_by_judge.values()))
    return Comparison(
        first,
        second,
        tuple(rows),
        tuple(changes),
        tuple(dict.fromkeys(left_out)),
        tuple(vetoes),
        leading.title if leading else "",
    )


def _usual_metrics(side: Side) -> list[Metric]:
    """Return the metrics that are compared by default: scores, then measurements, then agreement."""
    metrics = [metric for metric in run_metrics(side.run) if metric.compared]
    return sorted(metrics, key=lambda m: (isinstance(m, ControlMetric), not m.graded, m.paired))


def _common_judges(first: Side, second: Side) -> dict[str, JudgeStudies]:
    """Return the studies of every judge that judged both systems, by judge."""
    theirs = second.run.judges_of(second.system)
    names = [name for name in first.run.judges_of(first.system) if name in theirs]
    return {name: judge_studies((first, second), name) for name in names}


def _columns(
    first: Side,
    second: Side,
    split: str,
    examples: Sequence[Example],
    metrics: Sequence[Metric],
    left_out: list[str],
) -> tuple[dict[str, tuple[Metric, Pair]], tuple[Outputs, Outputs]]:
    """Read both sides' values of the metrics.

    A metric that can't read the references is replaced by its stand-in, or left out. Either is noted in
    `left_out`. If one side is the positive control, metrics that compare with it are skipped.

    Returns:
        For each metric asked for, by name, the metric that was used and its values; and the outputs of both
        sides by content id.
    """
    if first.is_positive or second.is_positive:
        metrics = [m for m in metrics if not isinstance(m, ControlMetric)]
    stand_ins = [metric(m.stand_in) for m in metrics if m.stand_in is not None]
    wanted = list({m.name: m for m in (*metrics, *stand_ins)}.values())
    (ours, our_outputs), (theirs, their_outputs) = (
        columns_of(side, split, examples, wanted) for side in (first, second)
    )
    pairs: dict[str, tuple[Metric, Pair]] = {}
    for asked in metrics:
        sides = (our_outputs, their_outputs)
        blind = max((unread_references(asked, side, examples) for side in sides), key=lambda b: b.count)
        taken: Metric | None = asked
        if blind.too_many:
            taken = metric(asked.stand_in) if asked.stand_in is not None else None
            instead = f"; {taken.name} is shown instead" if taken else ""
            left_out.append(f"{asked.name} on {split}: {blind}{instead}")
        if taken is not None and taken.name in ours and taken.name in theirs:
            pairs[asked.name] = taken, (ours[taken.name], theirs[taken.name])
    return pairs, (our_outputs, their_outputs)


def _win_rates(
    first: Side,
    second: Side,
    split: str,
    examples: Sequence[Example],
    studies_by_judge: Mapping[str, JudgeStudies],
    left_out: list[str],
) -> dict[str, Pair]:
    """Read win rates by judge. Those that can't be compared are noted in `left_out` with the reason."""
    pairs: dict[str, Pair] = {}
    for judge, studies in studies_by_judge.items():
        try:
            ours, theirs = (win_rate_values(s, split, examples, studies.study(s)) for s in (first, second))
            if ours.judge and theirs.judge:
                opponents = (ours.judge.reference, theirs.judge.reference)
                check_same_positive(first, second, opponents, split, examples)
        except GistevalError as error:
            left_out.append(f"win_rate ({judge}) on {split}: {error}")
        else:
            pairs[judge] = (ours.values, theirs.values)
    return pairs


def _difference(
    split: str, measured: Metric, name: str, pair: Pair, examples: Sequence[Example]
) -> list[MetricDifference]:
    ours, theirs = pair
    paired = paired_difference(measured, ours, theirs, [example.instruction for example in examples])
    if paired is None:
        return []
    known = ~np.isnan(ours) & ~np.isnan(theirs)
    return [
        MetricDifference(
            split=split,
            metric=name,
            first=float(ours[known].mean()),
            second=float(theirs[known].mean()),
            difference=paired.estimate.value,
            ci_low=finite(paired.estimate.ci_low),
            ci_high=finite(paired.estimate.ci_high),
            p_value=paired.p_value,
            p_holm=paired.p_value,
            higher=paired.wins,
            equal=paired.ties,
            lower=paired.losses,
            n=paired.estimate.n,
        )
    ]
