"""Tables of text cells for a terminal, Markdown, CSV and LaTeX, and numbers as short texts."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gisteval.errors import counted, printable
from gisteval.files.cells import inert_cell

_LINK = re.compile(r"\]([(\[])")
_INTERVAL = re.compile(r"(?P<value>[^\[\]]+?) \[(?P<low>[^\[\],]+), (?P<high>[^\[\],]+)\]")
_ENDS = re.compile(r"(?<=[^\[\]]) \[[^\[\],]+, [^\[\],]+\]")


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text cells.

    Attributes:
        name: The stem of its files' names.
        title: Its title.
        columns: The names of the columns.
        rows: The cells of each row.
        note: What a reader must know.
        best: (row, column), counted from 0, of the cells in bold: values that are significantly better than
            all values that they are compared with.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    best: frozenset[tuple[int, int]] = frozenset()

    def csv_text(self) -> str:
        """Write comma-separated values with a header. The ends of intervals have columns of their own."""
        parts = [[_INTERVAL.fullmatch(row[n]) for row in self.rows] for n in range(len(self.columns))]
        header: list[str] = []
        lines: list[list[str]] = [[] for _ in self.rows]
        for place, (name, intervals) in enumerate(zip(self.columns, parts, strict=True)):
            with_ends = any(intervals)
            header += [name, f"{name} low", f"{name} high"] if with_ends else [name]
            for line, row, match in zip(lines, self.rows, intervals, strict=True):
                if match is not None:
                    line += match["value"], match["low"], match["high"]
                else:
                    line += [row[place], "", ""] if with_ends else [row[place]]
        stream = io.StringIO()
        table = csv.writer(stream, lineterminator="\n")
        table.writerows([inert_cell(printable(cell)) for cell in line] for line in (header, *lines))
        return stream.getvalue()

    def without_intervals(self) -> Table:
        """Return the table without the intervals."""
        rows = tuple(tuple(_ENDS.sub("", cell) for cell in row) for row in self.rows)
        return replace(self, rows=rows)


def plain_text(table: Table) -> str:
    """Write a table in aligned columns for a terminal."""
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
    """Write a table and its note in Markdown."""
    rows = [tuple(map(markdown_cell, row)) for row in table.rows]
    body = _marked(table, rows, "**{}**")
    lines = [tuple(map(markdown_cell, table.columns)), ("---",) * len(table.columns), *body]
    text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"{text}\n\n{markdown_line(table.note)}" if table.note else text


def markdown_cell(text: str) -> str:
    """Escape a text for a cell of a Markdown table."""
    return markdown_line(text).replace("|", "\\|")


def markdown_line(text: str) -> str:
    """Escape a text for a line of Markdown, so that it has no line break, HTML element, link or image."""
    return _LINK.sub(r"]\\\1", printable(text)).replace("<", "&lt;")


def markdown_code(text: str) -> str:
    """Write a text as inline code, between more backticks than it has in a row."""
    plain = printable(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", plain)), default=0))
    room = " " if "`" in plain else ""
    return f"{fence}{room}{plain}{room}{fence}"


def latex_text(table: Table) -> str:
    """Write a LaTeX tabular in booktabs style. Columns of numbers are aligned to the right."""
    spec = "".join("lr"[_of_numbers(column)] for column in zip(*table.rows, strict=True))
    spec = spec or "l" * len(table.columns)
    cells = _marked(table, [tuple(map(_escaped, row)) for row in table.rows], r"\textbf{{{}}}")
    head, *body = (" & ".join(line) + r" \\" for line in [tuple(map(_escaped, table.columns)), *cells])
    title = printable(table.title)  # in a comment, which a line break would end
    lines = [rf"\begin{{tabular}}{{{spec}}}", r"\toprule", head, r"\midrule", *body]
    return "\n".join([f"% {title}", *lines, r"\bottomrule", r"\end{tabular}", ""])


def _marked(table: Table, rows: Sequence[tuple[str, ...]], mark: str) -> list[tuple[str, ...]]:
    """Return the rows with the best cells marked."""
    return [
        tuple(mark.format(cell) if (line, place) in table.best else cell for place, cell in enumerate(row))
        for line, row in enumerate(rows)
    ]


def _of_numbers(column: Sequence[str]) -> bool:
    return any(cell[:1].isdigit() or cell[:1] in "+-" for cell in column if cell)


_LATEX = {letter: f"\\{letter}" for letter in "%_&#${}"}
_LATEX |= {"<": "$<$", ">": "$>$", "|": "$|$", "^": r"\^{}", "~": r"\~{}", "\\": r"\textbackslash{}"}
_LATEX["["] = "{[}"
"""A bracket at the start of a row would be read as an argument of the line break before it."""


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in printable(text))


def uses_text(uses: int | None) -> str:
    """Write the number of uses until something pays: "never" for None, "at once" up to the first use."""
    if uses is None:
        return "never"
    return "at once" if uses <= 1 else f"{uses:,}"


def size_text(size: float) -> str:
    """Write a number of bytes with a decimal unit: 1.05 MB."""
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if size < 1000 or unit == "PB":
            break
        size /= 1000
    return f"{size:.3g} {unit}"


def engineering(value: float, digits: int = 3) -> str:
    """Write a number with a few digits and a decimal prefix: 552 G."""
    for prefix in ("", " k", " M", " G", " T", " P"):
        if abs(value) < 999.5 or prefix == " P":
            break
        value /= 1000
    return f"{value:.{digits}g}{prefix}"


def threads_text(count: int) -> str:
    """Write a number of threads: 1 thread, 2 threads."""
    return counted(count, "thread")
