"""Metrics by name, and the metrics of a run.

A run has the metrics that its task names, and always the sizes. `registry.METRICS` is the only list of
metrics. A package of your own adds metrics by entry points in the group `gisteval.metrics`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

from gisteval.errors import GistevalError
from gisteval.metrics.base import ExampleMetric, JudgedMetric, Metric, OutputMetric
from gisteval.metrics.repeats import RepeatMetric, repeat_metric, split_name
from gisteval.metrics.spread import Spread, spread_base
from gisteval.registry import METRICS

SCORES = ("rougeL", "rougeL-unicode", "exact_match", "exact_match_pos", "nll")
"""The metrics of a task that names none, the most important one first."""

LEADING = SCORES[0]
"""The metric that a report leads with if the task names no metrics."""

SIZES = (
    "length",
    "output_tokens",
    "unfinished",
    "source_tokens",
    "template_tokens",
    "kept",
    "kept_instruction",
    "bytes",
    "compression_requested",
    "compression_achieved",
    "compression_ratio_of_means",
)
"""The metrics that every run has, whatever its task names."""


@cache
def metric(name: str) -> Metric:
    """Return the metric of this name.

    Raises:
        GistevalError: The name is unknown, or what is registered under it is not a metric of that name.
    """
    repeated = split_name(name)
    if repeated is not None:
        return repeat_metric(name, metric(repeated[0]))
    base = spread_base(name)
    if base:
        return Spread(metric(base), name.rpartition(".")[2])
    kind = METRICS.load(name)
    if not (isinstance(kind, type) and issubclass(kind, Metric)):
        where = METRICS.check(name)
        raise GistevalError(
            f"metric {name!r} ({where}) is not a subclass of gisteval.metrics.Metric: derive it from one"
        )
    instance = kind()
    if instance.name != name:
        where = METRICS.check(name)
        raise GistevalError(
            f"metric {name!r} ({where}) calls itself {instance.name!r}: use one name for both"
        )
    return instance


def metrics_of(named: Sequence[str] = ()) -> tuple[Metric, ...]:
    """Return the metrics of a run, in the order of its rows.

    A metric that has a stand-in brings it along.

    Args:
        named: The names in the task file. Empty: the default set.

    Raises:
        GistevalError: A name is unknown, or belongs to a judge.
    """
    names: dict[str, None] = {}
    for name in named or SCORES:
        task_metric = metric(name)
        if isinstance(task_metric, JudgedMetric):
            raise GistevalError(
                f"metric {name!r} comes from a judge, so a task can't name it: leave it out"
            )
        names |= dict.fromkeys(filter(None, (name, task_metric.stand_in)))
    return tuple(metric(name) for name in (*names, *(size for size in SIZES if size not in names)))


def output_metrics(metrics: Iterable[Metric]) -> tuple[OutputMetric, ...]:
    """Keep the metrics that have a value for each output."""
    return tuple(candidate for candidate in metrics if isinstance(candidate, OutputMetric))


def example_metrics(metrics: Iterable[Metric]) -> tuple[ExampleMetric, ...]:
    """Keep the metrics that have a value for each example."""
    return tuple(candidate for candidate in metrics if isinstance(candidate, ExampleMetric))


def record_metrics(metrics: Iterable[Metric]) -> tuple[OutputMetric, ...]:
    """Return the metrics of single outputs that the values of some metrics are made of."""
    bases = (m.base if isinstance(m, RepeatMetric) else m for m in metrics)
    return output_metrics(dict.fromkeys(bases))


def leading_metric(metrics: Sequence[Metric]) -> Metric:
    """Return the metric that a report leads with.

    It is the first one that grades an answer and is compared with the controls.
    """
    graded = (candidate for candidate in metrics if candidate.graded and candidate.paired)
    return next(graded, metric(LEADING))
