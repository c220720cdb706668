"""What scoring reads from the manifest: metrics, controls, and the examples of each system."""

from __future__ import annotations

from collections.abc import Mapping

from gisteval.metrics.base import Metric
from gisteval.metrics.catalogue import metrics_of
from gisteval.metrics.repeats import repeat_metrics
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Example


def run_metrics(folder: RunFolder) -> tuple[Metric, ...]:
    """Return the metrics of a run, in the order of its rows.

    A task that names none has the default set. Where examples have several answers, pass@k and pass^k
    follow.
    """
    manifest = folder.manifest()
    metrics = metrics_of(manifest.metrics)
    return (*metrics, *repeat_metrics(metrics, manifest.samples))


def negatives(folder: RunFolder) -> dict[str, str]:
    """Return the name of each system's negative control, by system.

    Older manifests don't name it. There it is the negative control with the same positive control.
    """
    references = folder.references
    by_positive: dict[str, str] = {}
    for system in folder.systems:
        if system.role == "negative":
            by_positive.setdefault(references.get(system.name, ""), system.name)
    negative_of = {
        system.name: system.negative or by_positive.get(references.get(system.name, ""))
        for system in folder.systems
    }
    return {name: negative for name, negative in negative_of.items() if negative is not None}


def asked(folder: RunFolder, system: str, split: str) -> tuple[Example, ...]:
    """Return the examples of a split that the system was asked.

    In a run these are all of them. In an import some may have been asked of other systems only.
    """
    alone = folder.not_asked(system, split)
    return tuple(example for example in folder.examples(split) if example.content_id not in alone)


def may_lack_splits(folder: RunFolder) -> bool:
    """Say whether a system may have no record of a split at all, without having lost any.

    That is so in an import.
    """
    return folder.manifest().not_asked is not None


def signature_parts(folder: RunFolder) -> Mapping[str, object]:
    """Return the parts of the run's signature: task and version, seed, and origin of the outputs."""
    return folder.manifest().signature
