"""Tables of simulated errors, and what they promise."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """A table: its title, its rows, and whether every promise in it is kept."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    sound: bool = True

    def text(self) -> str:
        lines = [f"### {self.title}", "", " | ".join(("", *self.columns, "")).strip()]
        lines.append("|---" * len(self.columns) + "|")
        return "\n".join([*lines, *(" | ".join(("", *row, "")).strip() for row in self.rows), ""])


def at_most(found: float, promised: float, samples: int) -> bool:
    """Whether a share in percent keeps a promise, beyond three standard errors."""
    return found <= promised + 3.0 * math.sqrt(promised * (100.0 - promised) / samples)
