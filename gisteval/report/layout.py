"""A table of text cells, laid out for a terminal, Markdown, CSV and LaTeX; numbers as short text."""

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
    """Cells as text. name: of its files; note: what a reader must know.

    best: (row, column) of the cells to be set in bold, counted from 0. Only values that are significantly
    better than all they are compared with belong there.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    best: frozenset[tuple[int, int]] = frozenset()

    def csv_text(self) -> str:
        """Comma-separated values, one header line; an interval's ends stand in columns of their own."""
        parts = [[_INTERVAL.fullmatch(row[n]) for row in self.rows] for n in range(len(self.columns))]
        header: list[str] = []
        lines: list[list[str]] = [[] for _ in self.rows]
        for place, (name, found) in enumerate(zip(self.columns, parts, strict=True)):
            with_ends = any(found)
            header += [name, f"{name} low", f"{name} high"] if with_ends else [name]
            for line, row, match in zip(lines, self.rows, found, strict=True):
                if match is not None:
                    line += match["value"], match["low"], match["high"]
                else:
                    line += [row[place], "", ""] if with_ends else [row[place]]
        stream = io.StringIO()
        table = csv.writer(stream, lineterminator="\n")
        table.writerows([inert_cell(printable(cell)) for cell in line] for line in (header, *lines))
        return stream.getvalue()

    def without_intervals(self) -> Table:
        """The same table with the bare values."""
        rows = tuple(tuple(_ENDS.sub("", cell) for cell in row) for row in self.rows)
        return replace(self, rows=rows)


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
    rows = [tuple(map(markdown_cell, row)) for row in table.rows]
    body = _marked(table, rows, "**{}**")
    lines = [tuple(map(markdown_cell, table.columns)), ("---",) * len(table.columns), *body]
    text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"{text}\n\n{markdown_line(table.note)}" if table.note else text


def markdown_cell(text: str) -> str:
    """A text as one cell: no column ends or begins in it either."""
    return markdown_line(text).replace("|", "\\|")


def markdown_line(text: str) -> str:
    """A text within a line of Markdown: no line, HTML element, link or image ends or begins in it."""
    return _LINK.sub(r"]\\\1", printable(text)).replace("<", "&lt;")


def markdown_code(text: str) -> str:
    """A text within a line as code, in more backticks than it holds in a row."""
    plain = printable(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", plain)), default=0))
    room = " " if "`" in plain else ""
    return f"{fence}{room}{plain}{room}{fence}"


def latex_text(table: Table) -> str:
    """A tabular in booktabs style, columns of words left, of numbers right."""
    spec = "".join("lr"[_of_numbers(column)] for column in zip(*table.rows, strict=True))
    spec = spec or "l" * len(table.columns)
    cells = _marked(table, [tuple(map(_escaped, row)) for row in table.rows], r"\textbf{{{}}}")
    head, *body = (" & ".join(line) + r" \\" for line in [tuple(map(_escaped, table.columns)), *cells])
    title = printable(table.title)  # in a comment, which a line break would end
    lines = [rf"\begin{{tabular}}{{{spec}}}", r"\toprule", head, r"\midrule", *body]
    return "\n".join([f"% {title}", *lines, r"\bottomrule", r"\end{tabular}", ""])


def _marked(table: Table, rows: Sequence[tuple[str, ...]], mark: str) -> list[tuple[str, ...]]:
    """The rows with the best cells marked."""
    return [
        tuple(mark.format(cell) if (line, place) in table.best else cell for place, cell in enumerate(row))
        for line, row in enumerate(rows)
    ]


def _of_numbers(column: Sequence[str]) -> bool:
    return any(cell[:1].isdigit() or cell[:1] in "+-" for cell in column if cell)


_LATEX = {letter: f"\\{letter}" for letter in "%_&#${}"}
_LATEX |= {"<": "$<$", ">": "$>$", "|": "$|$", "^": r"\^{}", "~": r"\~{}", "\\": r"\textbackslash{}"}
_LATEX["["] = "{[}"
"""At the start of a row a bracket would be an argument of the line break before it."""


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in printable(text))


def uses_text(uses: int | None) -> str:
    """Uses until something pays; None is never, and the first use at the latest is at once."""
    if uses is None:
        return "never"
    return "at once" if uses <= 1 else f"{uses:,}"


def size_text(size: float) -> str:
    """Bytes with a decimal unit: 1.05 MB."""
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if size < 1000 or unit == "PB":
            break
        size /= 1000
    return f"{size:.3g} {unit}"


def engineering(value: float, digits: int = 3) -> str:
    """A few digits and a decimal prefix: 552 G."""
    for prefix in ("", " k", " M", " G", " T", " P"):
        if abs(value) < 999.5 or prefix == " P":
            break
        value /= 1000
    return f"{value:.{digits}g}{prefix}"


def threads_text(count: int) -> str:
    """1 thread, 2 threads."""
    return counted(count, "thread")
