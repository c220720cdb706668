"""Tables in Markdown, and the place of a page that a benchmark writes them into."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (columns, ["---"] * len(columns), *rows))


def put_between(page: Path, start: str, end: str, text: str) -> None:
    """Replace what stands in a page between two of its lines."""
    before, rest = page.read_text(encoding="utf-8").split(start)
    page.write_text(f"{before}{start}\n\n{text}\n\n{end}{rest.split(end)[1]}", encoding="utf-8")
