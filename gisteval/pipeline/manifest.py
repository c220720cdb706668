"""The manifest of a run or an import that has not begun."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gisteval.pipeline.identity import versions
from gisteval.records.manifest import Identity, Manifest, System
from gisteval.records.schema import Example, digest

Examples = Mapping[str, Sequence[Example]]
"""By split."""


def build_identity(task: str, examples: Examples, systems: Mapping[str, str]) -> Identity:
    """What must be the same for a folder to be continued. systems: a digest of each."""
    contents = {
        split: digest([example.content_id for example in items]) for split, items in examples.items()
    }
    return Identity(task, contents, dict(systems))


def build_manifest(
    identity: Identity,
    examples: Examples,
    systems: Sequence[System],
    command: Sequence[str],
    device: str,
    dtype: str,
    **more: Any,
) -> Manifest:
    """A manifest in which nothing is checked or judged yet. more: further fields of `Manifest`."""
    return Manifest(
        identity=identity,
        command=tuple(command),
        versions=versions(),
        device=device,
        dtype=dtype,
        systems=tuple(systems),
        splits={split: len(items) for split, items in examples.items()},
        **more,
    )
