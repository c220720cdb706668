"""Where figures are saved, and in which formats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gisteval.errors import GistevalError

SAVING: Mapping[str, Mapping[str, Any]] = {
    "svg": {"metadata": {"Date": None}, "transparent": True},
    "png": {},
    "pdf": {"metadata": {"CreationDate": None}},
}
"""How matplotlib saves each format: without a date, so that equal figures are equal files."""


@dataclass(frozen=True, slots=True)
class FigureFolder:
    """A folder of figures.

    Attributes:
        path: The folder.
        formats: What is saved beside SVG, which every page shows. A format takes as long as the SVG does.
    """

    path: Path
    formats: tuple[str, ...] = ()

    def below(self, name: str) -> FigureFolder:
        """The folder of this name inside of it."""
        return replace(self, path=self.path / name)


def parse_formats(text: str) -> tuple[str, ...]:
    """Read format names that commas separate.

    Raises:
        GistevalError: A name is none of `SAVING`.
    """
    names = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    for name in names:
        if name not in SAVING:
            raise GistevalError(f"no figures in the format {name!r}: choose from {', '.join(SAVING)}")
    return names
