"""What a notebook shows of a run: its summary as HTML, and its frontier as a table with figures.

The HTML has no scripts and no styles of its own, and every text in it is escaped. Numbers and words are
those of `report.summary` and `report.frontier`.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import quote

from markupsafe import escape

from gisteval.errors import GistevalError, did_you_mean, printable
from gisteval.report.data import ReportData
from gisteval.report.figures import can_draw
from gisteval.report.figures.folder import FigureFolder
from gisteval.report.frontier import Point, compressed_points
from gisteval.report.layout import Table
from gisteval.report.summary import Summary

if TYPE_CHECKING:
    import pandas as pd


def summary_html(found: Summary, folder: Path) -> str:
    """Write a run's summary as HTML: a table for each split, sentences, and a link to the page.

    Args:
        found: The summary.
        folder: The run's folder, whose page is linked if it is there.
    """
    page = folder / "report" / "report.html"
    if page.is_file():
        last = f'<p><a href="{_shown(_address(page))}" target="_blank">{_shown(page)}</a></p>'
    else:
        last = f"<p>No page yet: <code>gisteval report {_shown(folder)}</code> writes it.</p>"
    said = (f"<p>{_shown(text)}</p>" for text in found.said)
    return "\n".join([*map(table_html, found.blocks), *said, last])


def table_html(table: Table) -> str:
    """Write a table as HTML. The title is its caption."""
    head = "".join(f'<th scope="col">{_shown(name)}</th>' for name in table.columns)
    body = ""
    for first, *others in table.rows:
        cells = "".join(f"<td>{_shown(cell)}</td>" for cell in others)
        body += f'<tr><th scope="row">{_shown(first)}</th>{cells}</tr>'
    caption = f"<caption>{_shown(table.title)}</caption>"
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _shown(text: object) -> str:
    return str(escape(printable(str(text))))


def _address(page: Path) -> str:
    """Where a notebook finds the page: a server of notebooks serves what lies below the current folder."""
    full, here = page.resolve(), Path.cwd().resolve()
    return quote(full.relative_to(here).as_posix()) if full.is_relative_to(here) else full.as_uri()


@dataclass(frozen=True)
class Frontier:
    """The scores of compressed systems against their stored bytes.

    Attributes:
        table: A row for each split and system, from few stored bytes to many: split, system, compressor,
            the metric's value, ci_low and ci_high (95%), stored_bytes (the mean of a prompt) and n.
        figures: The same as PNG images, one for each positive control. Empty without matplotlib.
    """

    table: pd.DataFrame
    figures: tuple[bytes, ...]

    def _repr_html_(self) -> str:
        encoded = (base64.b64encode(image).decode() for image in self.figures)
        images = (
            f'<img alt="Score against stored bytes" src="data:image/png;base64,{text}">' for text in encoded
        )
        return "\n".join([self.table.to_html(index=False), *images])


def frontier_of(data: ReportData, metric: str | None = None) -> Frontier:
    """Collect and draw the points of one metric.

    Args:
        data: The runs.
        metric: The metric, one whose values need no judge. Default: the leading one.

    Raises:
        GistevalError: The runs have no such metric.
    """
    import pandas as pd

    name = data.leading.name if metric is None else metric
    known = list(dict.fromkeys(row.metric for row in data.rows if row.judge is None))
    if name not in known:
        raise GistevalError(
            f"the run has no metric {name!r} without a judge{did_you_mean(name, known)}: "
            f"choose from {', '.join(known)}"
        )
    points = compressed_points(data, name)
    splits = list(dict.fromkeys(point.row.split for point in points))
    points.sort(key=lambda point: (splits.index(point.row.split), point.stored))
    columns = ("split", "system", "compressor", name, "ci_low", "ci_high", "stored_bytes", "n")
    table = pd.DataFrame([_cells(point) for point in points], columns=list(columns))
    return Frontier(table, _figures(data, points) if can_draw() else ())


def _cells(point: Point) -> tuple[str | float | None, ...]:
    row = point.row
    interval = (row.value, row.ci_low, row.ci_high)
    return (row.split, row.system, row.compressor, *interval, point.stored, row.n)


def _figures(data: ReportData, points: list[Point]) -> tuple[bytes, ...]:
    from gisteval.report.figures.frontier import frontier

    images = []
    with TemporaryDirectory() as folder:
        for group in dict.fromkeys(point.group for point in points):
            own = [point for point in points if point.group == group]
            frontier(own, data.rows, FigureFolder(Path(folder), ("png",)), "drawn")
            images.append((Path(folder) / "drawn.png").read_bytes())
    return tuple(images)
