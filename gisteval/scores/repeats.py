"""The outputs of a system by example: the answers to one example are merged into one output."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from gisteval.metrics.base import Metric, OutputMetric
from gisteval.metrics.catalogue import record_metrics
from gisteval.metrics.repeats import repeat_metrics
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Example
from gisteval.scores.lines import ScoredOutput, read_single_outputs


def read_scores(
    folder: RunFolder, system: str, split: str, examples: Iterable[Example], metrics: Sequence[Metric]
) -> Iterator[ScoredOutput]:
    """Read the outputs of a system with their values: one for each example that has any.

    Args:
        folder: The run.
        system: One of its systems.
        split: One of its splits.
        examples: The examples wanted, matched by content. Other records are skipped.
        metrics: The metrics wanted. Where examples have several answers, pass@k and pass^k are added to
            those that check an answer.

    Raises:
        GistevalError: A record is damaged.
        InvalidRun: A value is not a finite number.
    """
    wanted = record_metrics(metrics)
    found = read_single_outputs(folder, system, split, examples, wanted)
    drawn = folder.manifest().samples
    if drawn is None:
        yield from found
        return
    by_content: dict[str, dict[int, ScoredOutput]] = {}
    for output in found:
        sample = output.generation.sample or 0
        if sample < drawn:  # more may lie there, of a run that asked for more
            by_content.setdefault(output.generation.content, {})[sample] = output
    for outputs in by_content.values():
        yield merged([outputs.get(sample) for sample in range(drawn)], wanted)


def merged(samples: Sequence[ScoredOutput | None], metrics: Sequence[OutputMetric]) -> ScoredOutput:
    """Merge the answers to one example: a metric's value is the mean of theirs.

    A missing answer has the worst value of a metric that grades, and is left out by any other metric.

    Args:
        samples: The outputs by the number of the sample, None for a missing one. One is there.
        metrics: The metrics whose values are wanted.
    """
    first = next(sample for sample in samples if sample is not None)
    values: dict[str, float] = {}
    for metric in metrics:
        known = known_values(samples, metric)
        if known:
            values[metric.name] = math.fsum(known) / len(known)
    for repeat in repeat_metrics(metrics, len(samples)):
        if repeat.base.name in values:
            estimate = repeat.estimate(known_values(samples, repeat.base))
            if estimate is not None:
                values[repeat.name] = estimate
    return ScoredOutput(first.generation, first.example, values, tuple(samples))


def known_values(samples: Sequence[ScoredOutput | None], metric: OutputMetric) -> list[float]:
    """Return the known values of an example's answers. A missing one counts as in `merged`."""
    values = (
        metric.without_output if sample is None else sample.values.get(metric.name, math.nan)
        for sample in samples
    )
    return [value for value in values if not math.isnan(value)]


def variances_within(output: ScoredOutput, metrics: Sequence[OutputMetric]) -> Mapping[str, float]:
    """Return the unbiased variance of each metric over the answers to an example, if two are known."""
    known = {metric.name: known_values(output.samples, metric) for metric in metrics}
    return {name: float(np.var(values, ddof=1)) for name, values in known.items() if len(values) > 1}
