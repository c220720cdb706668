"""What must be as if nothing had happened."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def state() -> Callable[[Path], dict[str, Any]]:
    """All that must be as if nothing had ever happened: every file but locks and what was said.

    Lines of records may stand in another order; seconds that a training took, and commands, are left out.
    """

    def read(folder: Path) -> dict[str, Any]:
        files = {str(file.relative_to(folder)): file for file in folder.rglob("*") if file.is_file()}
        found: dict[str, Any] = {}
        for name, file in files.items():
            if file.name in (".lock", "log.txt"):
                continue
            found[name] = file.read_bytes()
            if file.suffix == ".jsonl":
                found[name] = sorted(found[name].splitlines())
            elif file.name in ("manifest.json", "gist.json"):
                content = json.loads(found[name])
                content.pop("command", None)
                content.get("training", {}).pop("seconds", None)
                found[name] = content
        return found

    return read
