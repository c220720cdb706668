"""One system on one split as columns: a value an example and metric, in the order of the examples."""

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
    """One system on one split: per-example values in the order of the split's examples.

    Texts are dropped, so memory stays small: `columns` has an array a metric, `outputs` a digest of each
    output, None where there is none. Such an example has the worst value of a metric that grades; what is
    measured on outputs is NaN there. first: a record, for what it says of the system. failures counts the
    examples without an output.
    """

    first: Generation
    contents: tuple[str, ...]
    clusters: tuple[str, ...]
    columns: Mapping[str, FloatArray]
    outputs: tuple[str | None, ...]
    failures: int

    @property
    def answered(self) -> NDArray[np.bool_]:
        """Which examples have an output."""
        return np.array([output is not None for output in self.outputs])


def read_system(
    folder: RunFolder, system: str, split: str, metrics: Sequence[Metric] | None = None
) -> SystemScores | None:
    """A system's columns from the run's folder; None if it has no output on the split at all.

    Raises InvalidRun if an example has neither a record nor a reason to lack one.
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
    """Line a system's values up with the split's examples; None if all of them failed.

    Args:
        examples: All that the system was asked.
        scored: Its outputs with their values, in any order; the last of an example counts.
        failed: Content ids of examples known to have no output.
        metrics: Those wanted. One that can't read the references is left out, and so is one that is not
            known of every output.

    Raises:
        InvalidRun: Another example lacks an output.
    """
    values: dict[str, Mapping[str, float]] = {}
    outputs: dict[str, str] = {}
    references: dict[str, str] = {}
    old_counts: set[bool] = set()
    first: Generation | None = None
    for item in scored:
        generation = item.generation
        first = first or generation
        old_counts.add(generation.kept_template is None)
        references[generation.content] = item.reference
        values[generation.content] = item.values
        outputs[generation.content] = item.text_digest
    missing = [e for e in examples if e.content_id not in values and e.content_id not in failed]
    if missing:
        where = f"{first.system} on {first.split}" if first else f"split {missing[0].split}"
        count = counted(len(missing), "example has", "examples have")
        raise InvalidRun(f"{where}: {count} no record ({missing[0].id}, ...): run it again")
    if first is None:
        return None
    names = set.intersection(*map(set, values.values()))
    if len(old_counts) > 1:
        # Records of an older version, which counted the template's tokens otherwise, among new ones.
        names -= {"compression_requested", "compression_achieved"}
    read = list(references.values())
    kept = [m for m in output_metrics(metrics) if m.name in names and not m.unread(read).too_many]
    contents = tuple(example.content_id for example in examples)
    return SystemScores(
        first,
        contents,
        tuple(example.instruction for example in examples),
        {metric.name: _column(metric, contents, values) for metric in kept},
        tuple(outputs.get(content) for content in contents),
        sum(content not in values for content in contents),
    )


def _column(
    metric: OutputMetric, contents: Sequence[str], values: Mapping[str, Mapping[str, float]]
) -> FloatArray:
    """A metric in the order of the contents."""
    missing = metric.without_output
    return np.array(
        [values[content][metric.name] if content in values else missing for content in contents]
    )


def beside(scores: SystemScores, control: SystemScores | None) -> SystemScores | None:
    """A control with its values in the order of a system's examples; None if it is that system.

    An example that the control was not asked counts as one that it has no output for.
    """
    if control is None or control.first.system == scores.first.system:
        return None
    if control.contents == scores.contents:
        return control
    places = {content: place for place, content in enumerate(control.contents)}
    order = [places.get(content) for content in scores.contents]
    columns = {
        name: np.array([math.nan if place is None else column[place] for place in order])
        for name, column in control.columns.items()
    }
    outputs = tuple(None if place is None else control.outputs[place] for place in order)
    return replace(control, contents=scores.contents, columns=columns, outputs=outputs)
