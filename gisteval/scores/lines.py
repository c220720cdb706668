"""The values of each output, read from `<run>/scores/*.jsonl` or computed if they are not stored there.

A line of such a file holds the key, example and split of a generation, a digest of the whole record, a
digest of the metrics with their versions, and the values. A line whose digests don't match is ignored. The
files may be missing, as in a folder that can't be written; every number is then the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypedDict

from gisteval.errors import InvalidRun
from gisteval.metrics.base import OutputMetric
from gisteval.metrics.catalogue import output_metrics
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Example, Generation, digest
from gisteval.records.store import numbered_records, read_records
from gisteval.scores.facts import run_metrics


class ScoreLine(TypedDict):
    """A line of a file of scores.

    Attributes:
        key: The key of the generation.
        example: The id of its example.
        split: The split.
        of: A digest of the whole record.
        metrics: A digest of the metrics with their versions.
        values: The value of each metric.
    """

    key: str
    example: str
    split: str
    of: str
    metrics: str
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ScoredOutput:
    """A generation with the values of its output.

    Attributes:
        generation: The record.
        example: The example that it answers.
        values: The value of each metric, by the metric's name. Unknown values are absent.
        samples: Where several outputs of the example are merged into this one, each of them by its number,
            None for a missing one. The generation is then the first of them.
    """

    generation: Generation
    example: Example
    values: Mapping[str, float]
    samples: tuple[ScoredOutput | None, ...] = ()

    @property
    def reference(self) -> str:
        """The reference that the output is scored against."""
        return self.generation.reference_for(self.example)

    @property
    def texts(self) -> tuple[str | None, ...]:
        """A digest of each output. Equal digests mean equal outputs except for white space at the ends."""
        if self.samples:
            return tuple(sample.texts[0] if sample else None for sample in self.samples)
        return (digest([self.generation.output.strip()]),)

    @property
    def complete(self) -> bool:
        """Whether no output of the example is missing."""
        return None not in self.samples


def recipe(metrics: Iterable[OutputMetric]) -> str:
    """Return a digest of the metrics and their versions. Stored values depend on it."""
    return digest([f"{metric.name} {metric.version}" for metric in metrics])


def values_of(
    generation: Generation, example: Example, metrics: Iterable[OutputMetric]
) -> dict[str, float]:
    """Compute the values of one output. Unknown ones are left out.

    Raises:
        InvalidRun: A value is not a finite number.
    """
    answered = replace(example, output=generation.reference_for(example))
    values = {}
    for metric in metrics:
        value = metric.value(generation, answered)
        if value is None:
            continue
        if not math.isfinite(value):
            raise InvalidRun(
                f"{generation.system} on {generation.example}: {metric.name} is {value}: a metric must "
                "return a finite number, or None if the value is not known"
            )
        values[metric.name] = float(value)
    return values


def read_single_outputs(
    folder: RunFolder,
    system: str,
    split: str,
    examples: Iterable[Example],
    metrics: Sequence[OutputMetric] | None = None,
) -> Iterator[ScoredOutput]:
    """Read the single outputs of a system with their values, in the order of the records.

    Args:
        folder: The run.
        system: One of its systems.
        split: One of its splits.
        examples: The examples wanted, matched by content. Other records are skipped.
        metrics: The metrics wanted. Default: all output metrics of the run.

    Raises:
        GistevalError: A record is damaged.
        InvalidRun: A value is not a finite number.
    """
    run_outputs = output_metrics(run_metrics(folder))
    names = {metric.name for metric in run_outputs}
    wanted = run_outputs if metrics is None else metrics
    stored_values = _known(folder, system, split, recipe(run_outputs))
    by_content = {example.content_id: example for example in examples}
    for generation in folder.read_generations(system, split):
        example = by_content.get(generation.content)
        if example is None:
            continue
        values = stored_values.get(_digest_of(generation)) if stored_values else None
        missing = wanted if values is None else [metric for metric in wanted if metric.name not in names]
        computed = values_of(generation, example, missing) if missing else {}
        yield ScoredOutput(generation, example, computed if values is None else {**values, **computed})


def new_lines(folder: RunFolder, system: str, split: str) -> Iterator[ScoreLine]:
    """Compute the lines that are still missing in `folder.scores(system)`, to be appended there."""
    metrics = output_metrics(run_metrics(folder))
    metrics_digest = recipe(metrics)
    stored_values = _known(folder, system, split, metrics_digest)
    examples = {example.content_id: example for example in folder.examples(split)}
    for generation in folder.read_generations(system, split):
        record_digest = _digest_of(generation)
        example = examples.get(generation.content)
        if example is None or record_digest in stored_values:
            continue
        stored_values[record_digest] = values_of(generation, example, metrics)
        yield {
            "key": generation.key,
            "example": generation.example,
            "split": split,
            "of": record_digest,
            "metrics": metrics_digest,
            "values": stored_values[record_digest],
        }


def stale(folder: RunFolder, system: str) -> bool:
    """Say whether the file has a line of other metrics, or of another version of a metric."""
    metrics_digest = recipe(output_metrics(run_metrics(folder)))
    return any(line.get("metrics") != metrics_digest for line in read_records(folder.scores(system)))


def _known(folder: RunFolder, system: str, split: str, metrics_digest: str) -> dict[str, dict[str, float]]:
    """Read the stored values by the digest of their record. Other lines are ignored."""
    values_by_digest: dict[str, dict[str, float]] = {}
    for _, line in numbered_records(folder.scores(system), split):
        record_digest, values = line.get("of"), line.get("values")
        if (
            line.get("metrics") != metrics_digest
            or line.get("split") != split
            or not isinstance(record_digest, str)
        ):
            continue
        if isinstance(values, dict) and all(map(_is_value, values.values())):
            values_by_digest[record_digest] = values
    return values_by_digest


def _is_value(value: object) -> bool:
    return type(value) is float and math.isfinite(value)


def _digest_of(generation: Generation) -> str:
    """Return a digest of all that a metric may read.

    The record holds the content id of its example, so the example is covered as well.
    """
    chosen = [] if generation.choice is None else [generation.choice]
    return digest([repr(generation), *chosen])
