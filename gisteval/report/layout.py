"""A table of text cells, laid out for a terminal, Markdown, CSV and LaTeX; numbers as short text."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """Cells as text. name: of its files; note: what a reader must know."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def csv_text(self) -> str:
        """Comma-separated values, one header line."""
        stream = io.StringIO()
        csv.writer(stream, lineterminator="\n").writerows([self.columns, *self.rows])
        return stream.getvalue()


def plain_text(table: Table) -> str:
    """Aligned columns for a terminal."""
    lines = [table.columns, *table.rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(table.columns))]
    text = [table.title]
    for number, line in enumerate(lines):
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        text.append("  " + "  ".join(cells).rstrip())
        if number == 0:
            text.append("  " + "  ".join("-" * width for width in widths))
    return "\n".join([*text, *([f"  {table.note}"] if table.note else []), ""])


def markdown_text(table: Table) -> str:
    """A Markdown table and its note."""
    lines = [table.columns, ("---",) * len(table.columns), *table.rows]
    text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"{text}\n\n{table.note}" if table.note else text


def latex_text(table: Table) -> str:
    """A tabular in booktabs style, first column left, the others right."""
    spec = "l" + "r" * (len(table.columns) - 1)
    head, *body = (" & ".join(map(_escaped, line)) + r" \\" for line in [table.columns, *table.rows])
    lines = [rf"\begin{{tabular}}{{{spec}}}", r"\toprule", head, r"\midrule", *body]
    return "\n".join([f"% {table.title}", *lines, r"\bottomrule", r"\end{tabular}", ""])


def _escaped(text: str) -> str:
    special = {"%": r"\%", "_": r"\_", "&": r"\&", "#": r"\#", "$": r"\$", "<": "$<$", "^": r"\^{}"}
    return "".join(special.get(letter, letter) for letter in text)


def uses_text(uses: int | None) -> str:
    """A number of uses; None is never."""
    return "never" if uses is None else f"{uses:,}"


def size_text(size: float) -> str:
    """Bytes with a decimal unit: 1.05 MB."""
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if size < 1000 or unit == "PB":
            break
        size /= 1000
    return f"{size:.3g} {unit}"


def engineering(value: float) -> str:
    """Three digits and a decimal prefix: 552 G."""
    for prefix in ("", " k", " M", " G", " T", " P"):
        if abs(value) < 999.5 or prefix == " P":
            break
        value /= 1000
    return f"{value:.3g}{prefix}"


def threads_text(count: int) -> str:
    """1 thread, 2 threads."""
    return f"{count} thread{'' if count == 1 else 's'}"
