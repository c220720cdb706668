"""A run's folder: what lies where, whose it is, and what in it is already known."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gisteval.errors import GistevalError
from gisteval.schema import Generation, ResultRow
from gisteval.store import read_records, write_json

SCHEMA_VERSION = 1


class RunFolder:
    """Paths and small files of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._manifest: dict[str, Any] = {}

    def claim(self, manifest: dict[str, Any]) -> None:
        """Start or continue a run here. Raises GistevalError if the folder is another run's."""
        file = self.path / "manifest.json"
        if file.exists():
            try:
                found = json.loads(file.read_text(encoding="utf-8"))
            except ValueError as error:
                raise GistevalError(f"{file} is damaged: delete it, the records are kept") from error
            for part, value in manifest["identity"].items():
                if found.get("identity", {}).get(part) != value:
                    raise GistevalError(
                        f"{self.path} holds another run (its {part} differ): choose another --output"
                    )
            manifest = {**manifest, "self_check": found.get("self_check", {})}
        elif self.path.exists() and any(self.path.iterdir()):
            raise GistevalError(f"{self.path} is not empty and holds no run: choose another --output")
        self._manifest = manifest
        write_json(file, manifest)

    def manifest(self) -> dict[str, Any]:
        """The manifest as it stands."""
        return self._manifest

    def note_self_check(self, system: str, figures: Mapping[str, float | int]) -> None:
        """Put a self-check's figures into the manifest."""
        self._manifest["self_check"][system] = dict(figures)
        write_json(self.path / "manifest.json", self._manifest)

    def generations(self, system: str) -> Path:
        """File of a system's generations."""
        return self.path / "generations" / f"{re.sub(r'[^A-Za-z0-9._+-]', '_', system)}.jsonl"

    def known_keys(self, system: str) -> set[str]:
        """Keys of the records that are already there."""
        return {record["key"] for record in read_records(self.generations(system))}

    def read_generations(self, system: str, split: str) -> Iterator[Generation]:
        """A system's records of one split."""
        for record in read_records(self.generations(system)):
            if record["split"] == split:
                yield Generation(**record)

    def write_results(
        self,
        rows: Sequence[ResultRow],
        signature: str,
        failures: Mapping[tuple[str, str], Sequence[Any]],
    ) -> None:
        """results.json, and failures.json naming every example without an output."""
        write_json(
            self.path / "results.json",
            {
                "schema_version": SCHEMA_VERSION,
                "signature": signature,
                "rows": [asdict(row) for row in rows],
            },
        )
        named = [
            {
                "system": system,
                "split": split,
                "example": item.example.id,
                "reason": f"needs {item.needed} tokens, the context has {item.context}",
            }
            for (system, split), items in failures.items()
            for item in items
        ]
        if named:
            write_json(self.path / "failures.json", named)
