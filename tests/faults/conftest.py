"""What a campaign does how often, and what must be as if nothing had happened."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

MINUTES = float(os.environ.get("MINUTES", "60"))
"""Of the whole long campaign, at most; each part ends early once its share of them is over."""


@pytest.fixture(scope="session")
def share_of() -> Callable[[float], float]:
    """Seconds of a part of the campaign: share_of(0.1)."""
    return lambda share: 60 * MINUTES * share


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
