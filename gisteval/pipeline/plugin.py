"""`gisteval new`: a plug-in of one's own, with its test and README, from the files under plugins/."""

from __future__ import annotations

import re
from pathlib import Path
from string import Template

from gisteval.content import find_content
from gisteval.errors import GistevalError
from gisteval.judging.definition import list_judges
from gisteval.records.store import write_atomic
from gisteval.registry import COMPRESSORS
from gisteval.tasks.definition import list_tasks

KINDS = ("compressor", "task", "judge")

PLACEHOLDER = "NAME"
"""Stands for the plug-in's name in names of files."""


def new_plugin(kind: str, name: str, parent: Path) -> list[Path]:
    """Write a plug-in into a new folder that bears its name.

    Args:
        kind: One of KINDS.
        name: Small letters, digits and underscores.
        parent: Where the folder is made.

    Returns:
        The files.

    Raises:
        GistevalError: The kind is unknown, the name is none or taken, or the folder is there.
    """
    if kind not in KINDS:
        raise GistevalError(f"there is no template of a {kind!r}: choose {', '.join(KINDS)}")
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
        raise GistevalError(
            f"{name!r} can't be the name of a {kind}: use small letters, digits and underscores, and begin "
            "with a letter"
        )
    taken = {"compressor": COMPRESSORS.names(), "task": list(list_tasks()), "judge": list(list_judges())}
    if name in taken[kind]:
        raise GistevalError(f"a {kind} {name!r} is there already: choose another name")
    folder = parent / name
    if folder.exists():
        raise GistevalError(f"{folder} is there already: choose another name, or move it away")
    title = "".join(part.capitalize() for part in name.split("_"))
    words = {"name": name, "title": title, "dashed": name.replace("_", "-")}
    source = find_content("plugins") / kind
    written = []
    for file in sorted(path for path in source.rglob("*") if path.is_file() and path.suffix != ".pyc"):
        target = folder / str(file.relative_to(source)).replace(PLACEHOLDER, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(target, Template(file.read_text(encoding="utf-8")).substitute(words))
        written.append(target)
    return written
