"""Result rows: estimates, differences from the positive control, and retention."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from gisteval import stats
from gisteval.metrics.base import ControlMetric, ExampleMetric, Metric, RatioMetric
from gisteval.metrics.spread import ITEMS, SAMPLES, Spread
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Estimate, ResultRow, finite
from gisteval.scores.columns import SystemScores, beside, read_system
from gisteval.scores.comparison import (
    labels_of,
    margin_test,
    mean_of,
    paired_difference,
    retention,
    same_values,
)
from gisteval.scores.facts import negatives, run_metrics

Fields = dict[str, float | str | None]


def run_rows(folder: RunFolder) -> Iterator[ResultRow]:
    """Compute all rows of a run except those of judges, split by split, from its folder alone.

    Raises:
        GistevalError: A record is damaged.
        InvalidRun: Records are missing.
    """
    metrics = run_metrics(folder)
    positive_of, negative_of = folder.references, negatives(folder)
    controls = {*positive_of.values(), *negative_of.values()}
    for split in folder.splits:
        control_scores: dict[str, SystemScores | None] = {
            name: read_system(folder, name, split, metrics) for name in sorted(controls)
        }
        for system in folder.systems:
            name = system.name
            scores = (
                control_scores[name]
                if name in control_scores
                else read_system(folder, name, split, metrics)
            )
            if scores is not None:
                positive, negative = (
                    control_scores.get(control_of.get(name, ""))
                    for control_of in (positive_of, negative_of)
                )
                yield from result_rows(scores, positive, negative, metrics)


def result_rows(
    scores: SystemScores,
    positive: SystemScores | None,
    negative: SystemScores | None,
    metrics: Sequence[Metric],
) -> list[ResultRow]:
    """Compute all rows of one system on one split, with comparisons where its controls share the examples.

    The negative control is compared with the positive one, too.

    Args:
        scores: The system's columns.
        positive: The columns of its positive control, if it has one.
        negative: The columns of its negative control, if it has one.
        metrics: The metrics, in the order of the rows.
    """
    upper, lower = beside(scores, positive), beside(scores, negative)
    rows: list[ResultRow] = []
    twin: dict[str, tuple[Metric, ResultRow]] = {}
    for metric in metrics:
        if isinstance(metric, ControlMetric):
            rows += _control_row(scores, metric, upper)
        elif isinstance(metric, RatioMetric):
            rows += _ratio_row(scores, metric)
        elif isinstance(metric, ExampleMetric) and metric.name in scores.columns:
            row = _twin_row(metric, twin, (scores, upper, lower))  # the intervals are costly
            rows.append(row or _metric_row(scores, metric, upper, lower))
            if metric.stand_in is not None:
                twin[metric.stand_in] = (metric, rows[-1])
    return [*rows, *_spread_rows(scores, metrics)]


def _twin_row(
    metric: Metric, twin: Mapping[str, tuple[Metric, ResultRow]], parts: Sequence[SystemScores | None]
) -> ResultRow | None:
    """Copy the row of the metric that this one stands in for, if all their values are the same."""
    other, row = twin.get(metric.name, (None, None))
    if other is None or row is None or not same_values(other.name, metric.name, parts):
        return None
    return replace(row, metric=metric.name)


def _metric_row(
    scores: SystemScores,
    metric: ExampleMetric,
    positive: SystemScores | None,
    negative: SystemScores | None,
) -> ResultRow:
    upper, lower = (
        other if other is not None and metric.name in other.columns else None
        for other in (positive, negative)
    )
    comparison = _difference(scores, metric, upper) if metric.paired and upper is not None else {}
    row = _row(scores, metric, scores.columns[metric.name], scores.clusters, comparison)
    if not comparison or upper is None or lower is None:
        return row
    retained = retention(metric, scores, upper, lower)
    return row if retained is None else retained.added_to(row, lower.first.system)


def _difference(scores: SystemScores, metric: Metric, positive: SystemScores) -> Fields:
    """Return the difference from the positive control, with the p-values that claims use."""
    ours, theirs = (part.columns[metric.name] for part in (scores, positive))
    paired = paired_difference(metric, ours, theirs, scores.clusters)
    if paired is None:
        return {}
    fields: Fields = {
        "reference": positive.first.system,
        "difference": paired.estimate.value,
        "difference_ci_low": finite(paired.estimate.ci_low),
        "difference_ci_high": finite(paired.estimate.ci_high),
        "p_value": paired.p_value,
    }
    test = margin_test(metric, scores, positive)
    return fields if test is None else fields | {"p_within": test.within, "p_worse": test.worse}


def _control_row(
    scores: SystemScores, metric: ControlMetric, positive: SystemScores | None
) -> list[ResultRow]:
    """Return the row of a comparison with the positive control, over the examples that it answered."""
    if positive is None or not positive.answered.any():
        return []
    values = metric.between_samples(scores.outputs, positive.outputs)
    return [_row(scores, metric, values, scores.clusters, {"reference": positive.first.system})]


def _ratio_row(scores: SystemScores, metric: RatioMetric) -> list[ResultRow]:
    """Return the row of a ratio of means, over the examples with an output."""
    parts = metric.parts(scores.columns)
    if parts is None:
        return []
    above, below = parts
    known = ~np.isnan(above) & ~np.isnan(below)
    if not known.any():
        return []
    estimate = stats.ratio_of_means(above[known], below[known], labels_of(scores.clusters, known))
    return [_estimated(scores, metric, estimate, {})]


def _spread_rows(scores: SystemScores, metrics: Sequence[Metric]) -> Iterator[ResultRow]:
    """Yield how far graded values spread between examples, and between the answers to one."""
    twins = {metric.stand_in for metric in metrics if metric.name in scores.columns}
    for metric in metrics:
        within = scores.within.get(metric.name)
        if within is None or metric.name in twins:
            continue
        known = ~np.isnan(within)
        values, clusters = scores.columns[metric.name][known], labels_of(scores.clusters, known)
        if values.size:
            spread = stats.spread(values, within[known], scores.samples, clusters)
            yield _estimated(scores, Spread(metric, ITEMS), spread.items, {})
            yield _estimated(scores, Spread(metric, SAMPLES), spread.samples, {})


def _row(
    scores: SystemScores,
    metric: Metric,
    values: stats.FloatArray,
    clusters: Sequence[str],
    comparison: Fields,
) -> ResultRow:
    known = ~np.isnan(values)
    estimate = mean_of(metric, values[known], labels_of(clusters, known))
    return _estimated(scores, metric, estimate, comparison)


def _estimated(scores: SystemScores, metric: Metric, estimate: Estimate, comparison: Fields) -> ResultRow:
    first = scores.first
    return ResultRow(
        task=first.task,
        split=first.split,
        system=first.system,
        condition=first.condition,
        control=first.control,
        compressor=first.compressor,
        k=first.k,
        metric=metric.name,
        value=estimate.value,
        ci_low=finite(estimate.ci_low),
        ci_high=finite(estimate.ci_high),
        unit=metric.unit,
        n=estimate.n,
        clusters=estimate.clusters,
        failures=scores.failures,
        **comparison,  # type: ignore[arg-type]
    )
