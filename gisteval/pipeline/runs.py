"""`gisteval runs`: the runs of a folder, what differs between two of them, and which can go."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from gisteval.errors import GistevalError
from gisteval.files.foreign import read_json
from gisteval.logs import LOG_FILE
from gisteval.metrics import metric
from gisteval.metrics.catalogue import leading_metric
from gisteval.records.guard import check_no_links
from gisteval.records.manifest import MANIFEST
from gisteval.records.results import FAILURES, RESULTS
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import ResultRow
from gisteval.records.store import LOCK_FILE, only_writer
from gisteval.report.claims import family_of, short_names

State = Literal["finished", "unfinished", "damaged"]

OURS = (
    *("examples", "generations", "scores", "verdicts", "profile", "diagnostics", "report"),
    *(RESULTS, FAILURES, LOG_FILE, LOCK_FILE),
)
"""What a run writes into its folder beside the manifest. Nothing else is ever deleted."""

DAY = 86400.0


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run of a folder.

    Attributes:
        path: Its folder.
        task: The task's name.
        models: The families of its systems.
        date: When it was last written, UTC, to the second.
        state: Whether it has results; damaged if it can't be read.
        headline: A score of its most compressed system, or why there is none.
        bytes: Of all its files.
    """

    path: Path
    task: str
    models: tuple[str, ...]
    date: str
    state: State
    headline: str
    bytes: int


def list_runs(folder: Path) -> list[RunRow]:
    """The runs in a folder and in its folders' folders (a sweep's), the latest first.

    Raises:
        GistevalError: The folder does not exist.
    """
    if not folder.is_dir():
        raise GistevalError(f"{folder} is no folder: name the one that holds your runs")
    files = {file for depth in ("", "*/", "*/*/") for file in folder.glob(f"{depth}{MANIFEST}")}
    return sorted((_row(file.parent) for file in files), key=lambda row: (row.date, row.path), reverse=True)


def _row(path: Path) -> RunRow:
    sizes = [entry.lstat() for entry in path.rglob("*") if not entry.is_dir()]
    written = max((path / name).stat().st_mtime for name in (MANIFEST, RESULTS) if (path / name).is_file())
    date = datetime.fromtimestamp(written, UTC).strftime("%Y-%m-%d %H:%M:%S")
    size = sum(entry.st_size for entry in sizes)
    try:
        run = RunFolder.open(path)
        task = run.manifest().identity.task
        models = tuple(dict.fromkeys(family_of(system.name) for system in run.systems))
        if not (path / RESULTS).is_file():
            return RunRow(path, task, models, date, "unfinished", "no results yet", size)
        return RunRow(path, task, models, date, "finished", headline(run.results()), size)
    except GistevalError as error:
        return RunRow(path, "-", (), date, "damaged", str(error), size)


def headline(rows: Sequence[ResultRow]) -> str:
    """The leading score of the most compressed candidate on the last split, and what it retains."""
    leading = leading_metric([metric(name) for name in dict.fromkeys(row.metric for row in rows)])
    scored = [row for row in rows if row.metric == leading.name]
    if not scored:
        return "no score"
    split = scored[-1].split
    short = short_names(dict.fromkeys(row.system for row in rows))
    candidates = [row for row in scored if row.split == split and row.condition not in _CONTROLS]
    row = min(candidates or scored[-1:], key=lambda row: row.k)
    kept = "" if row.retention is None else f" ({row.retention:.0f}% retained)"
    return f"{short[row.system]} on {split}: {leading.title} {row.value:.1f}{kept}"


_CONTROLS = ("pos_control", "neg_control")


@dataclass(frozen=True, slots=True)
class Difference:
    """A field in which two manifests differ. None: the field is not there."""

    field: str
    first: str | None
    second: str | None


def diff_runs(first: Path, second: Path) -> list[Difference]:
    """Fields of the manifests of two runs that differ, in the order of the first; systems by name.

    Raises:
        GistevalError: One of them is no run.
    """
    sides = []
    for path in (first, second):
        RunFolder.open(path)
        sides.append(dict(_leaves(read_json(path / MANIFEST))))
    one, other = sides
    return [
        Difference(name, one.get(name), other.get(name))
        for name in dict.fromkeys([*one, *other])
        if one.get(name) != other.get(name) and name != "config.output"
    ]


def _leaves(content: object, place: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(content, list) and content and all(isinstance(item, dict) for item in content):
        content = {str(item.get("name", number)): item for number, item in enumerate(content)}
    if isinstance(content, Mapping):
        for name, value in content.items():
            yield from _leaves(value, f"{place}.{name}" if place else str(name))
    else:
        yield place, repr(content)


def to_prune(
    rows: Sequence[RunRow], unfinished: bool, older_than: float | None, keep: int | None
) -> list[RunRow]:
    """The runs that a rule names; a run that several rules name is there once.

    Args:
        rows: Of `list_runs`, the latest first.
        unfinished: Those without results.
        older_than: Those that were last written so many days ago, or earlier.
        keep: All but so many of the latest.

    Raises:
        GistevalError: No rule is given.
    """
    if not unfinished and older_than is None and keep is None:
        raise GistevalError("nothing says which runs can go: give --unfinished, --older-than or --keep")
    latest = "" if older_than is None else _day(time.time() - older_than * DAY)
    return [
        row
        for place, row in enumerate(rows)
        if (unfinished and row.state == "unfinished")
        or (older_than is not None and row.date <= latest)
        or (keep is not None and place >= keep)
    ]


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(max(0.0, seconds), UTC).strftime("%Y-%m-%d %H:%M:%S")


def delete_run(path: Path) -> bool:
    """Delete what a run wrote, and its folder if nothing else is in it.

    Returns:
        Whether the folder is gone.

    Raises:
        GistevalError: It is no run, holds a link, or another process writes into it.
    """
    if not (path / MANIFEST).is_file():
        raise GistevalError(f"{path} holds no run (no {MANIFEST}): nothing is deleted")
    check_no_links(path)
    with only_writer(path):
        for name in OURS:
            if name != LOCK_FILE:
                _delete(path / name)
        _delete(path / MANIFEST)  # last: a run that is half deleted is still found
    _delete(path / LOCK_FILE)
    with suppress(OSError):  # files of somebody else are in it
        path.rmdir()
    return not path.exists()


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        with suppress(FileNotFoundError):
            os.unlink(path)
