"""Formats of figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from gisteval.errors import GistevalError
from gisteval.report.figures.folder import FigureFolder, parse_formats


def test_formats_are_read_once_each_and_refused_by_name() -> None:
    assert parse_formats(" PDF, svg,pdf,") == ("pdf", "svg")
    assert parse_formats("") == ()
    with pytest.raises(GistevalError, match="'jpg': choose from svg, png, pdf"):
        parse_formats("png,jpg")


def test_a_folder_below_keeps_the_formats() -> None:
    assert FigureFolder(Path("a"), ("pdf",)).below("b") == FigureFolder(Path("a/b"), ("pdf",))
