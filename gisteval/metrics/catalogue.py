"""Metrics by name, and which of them a run has: those that its task names, and the sizes.

`registry.METRICS` is the only list of metrics. Outside ones have an entry point in the group
`gisteval.metrics`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

from gisteval.errors import GistevalError
from gisteval.metrics.base import JudgedMetric, Metric, OutputMetric
from gisteval.registry import METRICS

SCORES = ("rougeL", "rougeL-unicode", "exact_match", "exact_match_pos", "nll")
"""The metrics of a task that names none, the most telling one first."""

LEADING = SCORES[0]
"""What a report leads with where a task names nothing else."""

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
"""What every run states, whatever its task names."""


@cache
def metric(name: str) -> Metric:
    """One metric. Raises GistevalError for an unknown name, or if what bears it is no metric."""
    kind = METRICS.load(name)
    if not (isinstance(kind, type) and issubclass(kind, Metric)):
        where = METRICS.check(name)
        raise GistevalError(f"metric {name!r} ({where}) is no gisteval.metrics.Metric: derive it from one")
    found = kind()
    if found.name != name:
        where = METRICS.check(name)
        raise GistevalError(f"metric {name!r} ({where}) calls itself {found.name!r}: give it one name")
    return found


def metrics_of(named: Sequence[str] = ()) -> tuple[Metric, ...]:
    """The metrics of a run in the order of its rows; each brings the one that stands in for it.

    Args:
        named: What the task names. Empty: today's set.

    Raises:
        GistevalError: A name is unknown, or is a judge's.
    """
    names: dict[str, None] = {}
    for name in named or SCORES:
        found = metric(name)
        if isinstance(found, JudgedMetric):
            raise GistevalError(f"metric {name!r} is a judge's, which a task can't name: leave it out")
        names |= dict.fromkeys(filter(None, (name, found.stand_in)))
    return tuple(metric(name) for name in (*names, *(size for size in SIZES if size not in names)))


def output_metrics(metrics: Iterable[Metric]) -> tuple[OutputMetric, ...]:
    """Those that have a value for each output."""
    return tuple(found for found in metrics if isinstance(found, OutputMetric))


def leading_metric(metrics: Sequence[Metric]) -> Metric:
    """What a report leads with: the first metric that grades an answer and is paired with the controls."""
    return next((found for found in metrics if found.graded and found.paired), metric(LEADING))
