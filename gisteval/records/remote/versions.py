"""A run's manifest in a bucket: numbered objects, each the one before with what somebody added.

An object of a number is created by one writer alone. Whoever finds the next number taken reads that object,
adds what is his, and tries the number after it. So no self-check and no judge is lost, and a run that is
not the same can't begin in the same place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gisteval.errors import GistevalError
from gisteval.files.object_store import ObjectStore
from gisteval.records.manifest import MANIFEST
from gisteval.records.store import write_json

VERSIONS = ".versions/"
GROWING = ("self_check", "judges")
"""Fields to which each writer adds his own."""

_NUMBER = re.compile(r"\d{6}")


def is_manifest(name: str) -> bool:
    """Whether a file below a mirror's folder is a run's manifest."""
    return name.rpartition("/")[2] == MANIFEST


def latest_versions(listed: Iterable[str]) -> dict[str, int]:
    """The number of the latest version of each manifest in a listing."""
    found: dict[str, int] = {}
    for name in listed:
        file, mark, number = name.rpartition(VERSIONS)
        if mark and is_manifest(file) and _NUMBER.fullmatch(number):
            found[file] = max(found.get(file, 0), int(number))
    return found


def push_manifest(store: ObjectStore, name: str, path: Path) -> None:
    """Put the manifest here into the bucket, with what others added to it there.

    Raises:
        GistevalError: The bucket can't be read or written, or holds another run.
    """
    ours = _parsed(path.read_bytes(), str(path))
    number = latest_versions(store.list(f"{name}{VERSIONS}")).get(name, 0)
    while True:
        theirs = _version(store, name, number) if number else None
        merged = ours if theirs is None else _merged(ours, theirs, store.address)
        number += 1
        if merged == theirs or store.create(f"{name}{VERSIONS}{number:06}", _text(merged)):
            return


def pull_manifest(store: ObjectStore, name: str, number: int, path: Path) -> None:
    """Make the manifest here the bucket's, with what was only noted here.

    Raises:
        GistevalError: The bucket can't be read, what it holds is no manifest, or is another run's.
    """
    theirs = _version(store, name, number)
    if path.exists():
        ours = _parsed(path.read_bytes(), str(path))
        theirs = {**_merged(ours, theirs, store.address), **_without_growing(theirs)}
        if theirs == ours:
            return
    write_json(path, theirs)


def _version(store: ObjectStore, name: str, number: int) -> Mapping[str, Any]:
    ((place, content),) = store.read([f"{name}{VERSIONS}{number:06}"])
    return _parsed(content, f"{store.address}/{place}")


def _parsed(content: bytes, place: str) -> Mapping[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise GistevalError(f"{place} is damaged or no manifest: choose another --output") from error
    if not isinstance(found, dict) or not all(isinstance(found.get(f, {}), dict) for f in GROWING):
        raise GistevalError(f"{place} is damaged or no manifest: choose another --output")
    return found


def _merged(ours: Mapping[str, Any], theirs: Mapping[str, Any], address: str) -> Mapping[str, Any]:
    """Our manifest with what theirs alone has of fields that grow."""
    if ours.get("identity") != theirs.get("identity"):
        raise GistevalError(f"{address} holds another run: choose another --output")
    grown = {field: {**theirs.get(field, {}), **ours.get(field, {})} for field in GROWING}
    return {**ours, **grown}


def _without_growing(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    return {field: value for field, value in manifest.items() if field not in GROWING}


def _text(manifest: Mapping[str, Any]) -> bytes:
    return (json.dumps(manifest, indent=1) + "\n").encode("ascii")
