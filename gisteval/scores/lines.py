"""The values of each output: read from `<run>/scores/*.jsonl` where they stand, computed where they don't.

A line holds the key, example and split of a generation, a digest of the whole record, one of the metrics
with their versions, and the values. A line whose digests no longer fit counts for nothing. The files may be
missing, as in a folder that can't be written, and every number stays the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gisteval.errors import InvalidRun
from gisteval.metrics.base import OutputMetric
from gisteval.metrics.catalogue import output_metrics
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Example, Generation, digest
from gisteval.records.store import read_records
from gisteval.scores.facts import run_metrics

Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ScoredOutput:
    """A generation with its values by metric; a value that is not known is absent."""

    generation: Generation
    example: Example
    values: Mapping[str, float]

    @property
    def reference(self) -> str:
        """What the output is scored against."""
        return self.generation.reference_for(self.example)

    @property
    def text_digest(self) -> str:
        """Outputs of one digest are the same but for white space at their ends."""
        return digest([self.generation.output.strip()])


def recipe(metrics: Iterable[OutputMetric]) -> str:
    """A digest of the metrics and their versions, which stored values depend on."""
    return digest([f"{metric.name} {metric.version}" for metric in metrics])


def values_of(
    generation: Generation, example: Example, metrics: Iterable[OutputMetric]
) -> dict[str, float]:
    """The values of one output that are known. Raises InvalidRun if one is no finite number."""
    own = replace(example, output=generation.reference_for(example))
    values = {}
    for metric in metrics:
        value = metric.value(generation, own)
        if value is None:
            continue
        if not math.isfinite(value):
            raise InvalidRun(
                f"{generation.system} on {generation.example}: {metric.name} is {value}: a metric gives a "
                "finite number, or None where it is not known"
            )
        values[metric.name] = float(value)
    return values


def read_scores(
    folder: RunFolder,
    system: str,
    split: str,
    examples: Iterable[Example],
    metrics: Sequence[OutputMetric] | None = None,
) -> Iterator[ScoredOutput]:
    """The outputs of a system on these examples with their values, in the order of the records.

    Args:
        folder: The run.
        system: One of its systems.
        split: One of its splits.
        examples: Those wanted, by content; other records are passed over.
        metrics: The metrics wanted. Default: all of the run.

    Raises:
        GistevalError: A record is damaged.
        InvalidRun: A value is no finite number.
    """
    stored = output_metrics(run_metrics(folder))
    names = {metric.name for metric in stored}
    wanted = stored if metrics is None else metrics
    known = _known(folder, system, split, recipe(stored))
    by_content = {example.content_id: example for example in examples}
    for generation in folder.read_generations(system, split):
        example = by_content.get(generation.content)
        if example is None:
            continue
        values = known.get(_digest_of(generation)) if known else None
        missing = wanted if values is None else [metric for metric in wanted if metric.name not in names]
        found = values_of(generation, example, missing) if missing else {}
        yield ScoredOutput(generation, example, found if values is None else {**values, **found})


def new_lines(folder: RunFolder, system: str, split: str) -> Iterator[Line]:
    """Lines of the outputs that have none, to be appended to `folder.scores(system)`."""
    metrics = output_metrics(run_metrics(folder))
    made_by = recipe(metrics)
    known = _known(folder, system, split, made_by)
    examples = {example.content_id: example for example in folder.examples(split)}
    for generation in folder.read_generations(system, split):
        of = _digest_of(generation)
        example = examples.get(generation.content)
        if example is None or of in known:
            continue
        known[of] = values_of(generation, example, metrics)
        yield {
            "key": generation.key,
            "example": generation.example,
            "split": split,
            "of": of,
            "metrics": made_by,
            "values": known[of],
        }


def stale(folder: RunFolder, system: str) -> bool:
    """Whether the file holds a line of other metrics, or of another version of one."""
    made_by = recipe(output_metrics(run_metrics(folder)))
    return any(line.get("metrics") != made_by for line in read_records(folder.scores(system)))


def _known(folder: RunFolder, system: str, split: str, made_by: str) -> dict[str, dict[str, float]]:
    """Stored values by the digest of their record; what is no such line counts for nothing."""
    found: dict[str, dict[str, float]] = {}
    for line in read_records(folder.scores(system)):
        of, values = line.get("of"), line.get("values")
        if line.get("metrics") != made_by or line.get("split") != split or not isinstance(of, str):
            continue
        if isinstance(values, dict) and all(map(_is_value, values.values())):
            found[of] = values
    return found


def _is_value(value: object) -> bool:
    return type(value) is float and math.isfinite(value)


def _digest_of(generation: Generation) -> str:
    """Of all that a metric may read: the record names its example by its content."""
    return digest([repr(generation)])
