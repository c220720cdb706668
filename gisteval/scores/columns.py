"""Columns of one system on one split: for each metric an array with the value of each example."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from gisteval.errors import InvalidRun, counted
from gisteval.metrics.base import ExampleMetric, Metric, Texts
from gisteval.metrics.catalogue import example_metrics, output_metrics
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Example, Generation
from gisteval.scores.facts import asked, may_lack_splits, run_metrics
from gisteval.scores.lines import ScoredOutput
from gisteval.scores.repeats import read_scores, variances_within
from gisteval.stats.samples import FloatArray


@dataclass(frozen=True, slots=True)
class SystemScores:
    """The values of one system on one split, in the order of the split's examples.

    Texts are not held, so memory stays small. An example without an output has the worst value of a metric
    that grades, and NaN for any other metric.

    Attributes:
        first: One record of the system, which describes the system.
        contents: The content id of each example.
        clusters: The instruction of each example, the label of its cluster.
        columns: The values of each metric, shape (n,), by the metric's name.
        outputs: The digests of each example's outputs by sample; empty without an output.
        failures: The number of examples without an output, or that lack one of several.
        within: The variance of each metric over the answers to each example, shape (n,), NaN where fewer
            than two values are known. By the metric's name; empty without several answers.
    """

    first: Generation
    contents: tuple[str, ...]
    clusters: tuple[str, ...]
    columns: Mapping[str, FloatArray]
    outputs: tuple[Texts, ...]
    failures: int
    within: Mapping[str, FloatArray] = field(default_factory=dict)

    @property
    def samples(self) -> int:
        """How many answers each example has."""
        return max(map(len, self.outputs))

    @property
    def answered(self) -> NDArray[np.bool_]:
        """Which examples have all their outputs, shape (n,)."""
        return np.array([bool(texts) and None not in texts for texts in self.outputs])


def read_system(
    folder: RunFolder, system: str, split: str, metrics: Sequence[Metric] | None = None
) -> SystemScores | None:
    """Read a system's columns from the run's folder.

    Returns:
        The columns; None if the system has no output on the split.

    Raises:
        InvalidRun: An example has no record, and is not recorded as failed either.
    """
    chosen = run_metrics(folder) if metrics is None else metrics
    examples = asked(folder, system, split)
    ids = folder.failed(system, split)
    failed = {example.content_id for example in examples if example.id in ids}
    scored = read_scores(folder, system, split, examples, chosen)
    first = next(scored, None)
    if first is None and may_lack_splits(folder):
        return None
    return line_up(examples, scored if first is None else chain([first], scored), failed, chosen)


@dataclass(frozen=True, slots=True)
class _Line:
    """What is kept of an example's outputs: values, reference, digests, and variances between answers."""

    values: Mapping[str, float]
    reference: str
    texts: Texts
    within: Mapping[str, float]


def line_up(
    examples: Sequence[Example],
    scored: Iterable[ScoredOutput],
    failed: AbstractSet[str],
    metrics: Sequence[Metric],
) -> SystemScores | None:
    """Put a system's values in the order of the split's examples.

    Args:
        examples: The examples that the system was asked.
        scored: Its outputs with their values, in any order. The last one of an example counts.
        failed: The content ids of the examples that are known to have no output.
        metrics: The metrics wanted. A metric is left out if it can't read the references, or if its value
            is unknown for some output.

    Returns:
        The columns; None if all examples failed.

    Raises:
        InvalidRun: An example that did not fail has no output.
    """
    lines: dict[str, _Line] = {}
    old_counts: set[bool] = set()
    graded = [metric for metric in output_metrics(metrics) if metric.graded and metric.paired]
    first: Generation | None = None
    for output in scored:
        generation = output.generation
        first = first or generation
        old_counts.add(generation.kept_template is None)
        within = variances_within(output, graded)
        lines[generation.content] = _Line(output.values, output.reference, output.texts, within)
    contents = tuple(example.content_id for example in examples)
    complete = {content for content, line in lines.items() if None not in line.texts}
    pairs = zip(contents, examples, strict=True)
    _check_records([e for content, e in pairs if content not in complete and content not in failed], first)
    if first is None:
        return None
    found = [lines.get(content) for content in contents]
    values = [None if line is None else line.values for line in found]
    names = {m.name for m in example_metrics(metrics) if _is_known(m, examples, values)}
    if len(old_counts) > 1:
        # Some records are of an older version, which counted the template's tokens differently.
        names -= {"compression_requested", "compression_achieved"}
    references = [line.reference for line in lines.values()]
    usable = [m for m in example_metrics(metrics) if m.name in names and not m.unread(references).too_many]
    columns = {metric.name: _column(metric, examples, values) for metric in usable}
    spreads = {name for line in lines.values() for name in line.within if name in columns}
    return SystemScores(
        first,
        contents,
        tuple(example.instruction for example in examples),
        columns,
        tuple(() if line is None else line.texts for line in found),
        sum(content not in complete for content in contents),
        {
            name: np.array([line.within.get(name, math.nan) if line else math.nan for line in found])
            for name in spreads
        },
    )


def _check_records(missing: Sequence[Example], first: Generation | None) -> None:
    """Raise InvalidRun if examples have no record. first: a record of their system."""
    if missing:
        where = f"{first.system} on {first.split}" if first else f"split {missing[0].split}"
        count = counted(len(missing), "example has", "examples have")
        raise InvalidRun(f"{where}: {count} no record ({missing[0].id}, ...): run it again")


def _is_known(
    metric: ExampleMetric, examples: Sequence[Example], values: Sequence[Mapping[str, float] | None]
) -> bool:
    """Say whether all outputs of the examples that the metric applies to have a value, and some have."""
    known = [
        metric.name in found
        for example, found in zip(examples, values, strict=True)
        if found is not None and metric.applies_to(example)
    ]
    return bool(known) and all(known)


def _column(
    metric: ExampleMetric, examples: Sequence[Example], values: Sequence[Mapping[str, float] | None]
) -> FloatArray:
    """Return the values of a metric in the order of the examples, shape (n,)."""

    def value(example: Example, found: Mapping[str, float] | None) -> float:
        if not metric.applies_to(example):
            return math.nan
        return metric.without_output if found is None else found[metric.name]

    return np.array([value(*pair) for pair in zip(examples, values, strict=True)])


def beside(scores: SystemScores, control: SystemScores | None) -> SystemScores | None:
    """Put a control's values in the order of a system's examples.

    If the control was not asked an example, it counts as having no output for it.

    Returns:
        The control's columns; None without a control, or if the system is that control itself.
    """
    if control is None or control.first.system == scores.first.system:
        return None
    if control.contents == scores.contents:
        return control
    positions = {content: position for position, content in enumerate(control.contents)}
    order = [positions.get(content) for content in scores.contents]
    columns = {
        name: np.array([math.nan if position is None else column[position] for position in order])
        for name, column in control.columns.items()
    }
    outputs = tuple(() if position is None else control.outputs[position] for position in order)
    return replace(control, contents=scores.contents, columns=columns, outputs=outputs)
