"""What scoring reads of a manifest, in one place: metrics, controls, and what a system was not asked."""

from __future__ import annotations

from collections.abc import Mapping

from gisteval.metrics.base import Metric
from gisteval.metrics.catalogue import metrics_of
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Example


def run_metrics(folder: RunFolder) -> tuple[Metric, ...]:
    """The metrics of a run, in the order of its rows: those that its task names, or today's."""
    return metrics_of(folder.manifest().metrics)


def negatives(folder: RunFolder) -> dict[str, str]:
    """The negative control of each system, its own among them.

    A manifest of before this was written down names none: then it is the one that has the same positive
    control.
    """
    references = folder.references
    shared: dict[str, str] = {}
    for system in folder.systems:
        if system.role == "negative":
            shared.setdefault(references.get(system.name, ""), system.name)
    found = {
        system.name: system.negative or shared.get(references.get(system.name, ""))
        for system in folder.systems
    }
    return {name: negative for name, negative in found.items() if negative is not None}


def asked(folder: RunFolder, system: str, split: str) -> tuple[Example, ...]:
    """A split's examples but those of an import that only other systems were asked."""
    alone = folder.not_asked(system, split)
    return tuple(example for example in folder.examples(split) if example.content_id not in alone)


def may_lack_splits(folder: RunFolder) -> bool:
    """Whether a system may have no record of a split at all: in an import that is no loss."""
    return folder.manifest().not_asked is not None


def signature_parts(folder: RunFolder) -> Mapping[str, object]:
    """Of the signature of a run's numbers: its task with the version, its seed, where it is from."""
    return folder.manifest().signature
