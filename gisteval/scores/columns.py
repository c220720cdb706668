"""Columns of one system on one split: for each metric an array with the value of each example."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from gisteval.errors import InvalidRun, counted
from gisteval.metrics.base import Metric, OutputMetric
from gisteval.metrics.catalogue import output_metrics
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Example, Generation
from gisteval.scores.facts import asked, may_lack_splits, run_metrics
from gisteval.scores.lines import ScoredOutput, read_scores
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
        outputs: A digest of each output; None without an output.
        failures: The number of examples without an output.
    """

    first: Generation
    contents: tuple[str, ...]
    clusters: tuple[str, ...]
    columns: Mapping[str, FloatArray]
    outputs: tuple[str | None, ...]
    failures: int

    @property
    def answered(self) -> NDArray[np.bool_]:
        """Which examples have an output, shape (n,)."""
        return np.array([output is not None for output in self.outputs])


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
    scored = read_scores(folder, system, split, examples, output_metrics(chosen))
    first = next(scored, None)
    if first is None and may_lack_splits(folder):
        return None
    return line_up(examples, scored if first is None else chain([first], scored), failed, chosen)


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
    values: dict[str, Mapping[str, float]] = {}
    outputs: dict[str, str] = {}
    references: dict[str, str] = {}
    old_counts: set[bool] = set()
    first: Generation | None = None
    for output in scored:
        generation = output.generation
        first = first or generation
        old_counts.add(generation.kept_template is None)
        references[generation.content] = output.reference
        values[generation.content] = output.values
        outputs[generation.content] = output.text_digest
    contents = tuple(example.content_id for example in examples)
    pairs = zip(contents, examples, strict=True)
    _check_records([e for content, e in pairs if content not in values and content not in failed], first)
    if first is None:
        return None
    of_examples = [values.get(content) for content in contents]
    names = {m.name for m in output_metrics(metrics) if _is_known(m, examples, of_examples)}
    if len(old_counts) > 1:
        # Some records are of an older version, which counted the template's tokens differently.
        names -= {"compression_requested", "compression_achieved"}
    references_read = list(references.values())
    usable = [
        m for m in output_metrics(metrics) if m.name in names and not m.unread(references_read).too_many
    ]
    return SystemScores(
        first,
        contents,
        tuple(example.instruction for example in examples),
        {metric.name: _column(metric, examples, of_examples) for metric in usable},
        tuple(outputs.get(content) for content in contents),
        sum(content not in values for content in contents),
    )


def _check_records(missing: Sequence[Example], first: Generation | None) -> None:
    """Raise InvalidRun if examples have no record. first: a record of their system."""
    if missing:
        where = f"{first.system} on {first.split}" if first else f"split {missing[0].split}"
        count = counted(len(missing), "example has", "examples have")
        raise InvalidRun(f"{where}: {count} no record ({missing[0].id}, ...): run it again")


def _is_known(
    metric: OutputMetric, examples: Sequence[Example], values: Sequence[Mapping[str, float] | None]
) -> bool:
    """Say whether all outputs of the examples that the metric applies to have a value, and some have."""
    known = [
        metric.name in found
        for example, found in zip(examples, values, strict=True)
        if found is not None and metric.applies_to(example)
    ]
    return bool(known) and all(known)


def _column(
    metric: OutputMetric, examples: Sequence[Example], values: Sequence[Mapping[str, float] | None]
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
    outputs = tuple(None if position is None else control.outputs[position] for position in order)
    return replace(control, contents=scores.contents, columns=columns, outputs=outputs)
