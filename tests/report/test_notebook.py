"""What a notebook shows of a run: escaped tables with the summary's cells, and the frontier."""

from __future__ import annotations

import html
from html.parser import HTMLParser
from pathlib import Path

import pytest
from frontier_rows import N, frontier_data

from gisteval.errors import GistevalError
from gisteval.records.results import read_results
from gisteval.report.frontier import frontier_points
from gisteval.report.layout import Table
from gisteval.report.notebook import frontier_of, summary_html, table_html
from gisteval.report.summary import summary

FOUND = read_results(Path(__file__).resolve().parents[1] / "golden" / "old_run")
TAGS = {"table", "caption", "thead", "tbody", "tr", "th", "td", "p", "a", "code"}


class Parts(HTMLParser):
    """The tags of a text, its links, and the cells of its rows."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.names: set[str] = set()
        self.links: list[str] = []
        self.rows: list[list[str]] = []
        self.in_cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name == "href"]
        if tag == "tr":
            self.rows.append([])
        elif tag in ("th", "td"):
            self.rows[-1].append("")
            self.in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self.in_cell &= tag not in ("th", "td")

    def handle_data(self, data: str) -> None:
        if self.in_cell:
            self.rows[-1][-1] += data


@pytest.fixture
def no_figures(monkeypatch) -> None:
    monkeypatch.setattr("gisteval.report.notebook.can_draw", lambda: False)


def test_the_cells_are_those_of_the_terminal(tmp_path: Path) -> None:
    found = summary(FOUND.rows, FOUND.judging)
    text = summary_html(found, tmp_path)
    parts = Parts(text)
    rows = [list(row) for block in found.blocks for row in (block.columns, *block.rows)]
    assert parts.rows == rows and len(rows) == 8
    assert parts.tags <= TAGS and parts.names <= {"scope", "href", "target"}
    assert all(said in html.unescape(text) for said in found.said)
    assert "gisteval report" in text and not parts.links


def test_the_page_is_linked_from_where_the_notebook_is(tmp_path: Path, monkeypatch) -> None:
    page = tmp_path / "a run" / "report" / "report.html"
    page.parent.mkdir(parents=True)
    page.touch()
    found = summary(FOUND.rows, ())
    monkeypatch.chdir(tmp_path)
    assert Parts(summary_html(found, Path("a run"))).links == ["a%20run/report/report.html"]
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert Parts(summary_html(found, tmp_path / "a run")).links == [page.as_uri()]


def test_no_name_becomes_an_element() -> None:
    name = "<script>alert(1)</script>\u202e&\"'"
    text = table_html(Table("t", name, (name, "b"), ((name, name),), name))
    parts = Parts(text)
    assert parts.tags <= TAGS and parts.names == {"scope"}
    assert parts.rows[1] == [name.replace("\u202e", " ")] * 2


@pytest.mark.usefixtures("no_figures")
def test_the_frontier_holds_the_points_of_the_page() -> None:
    data = frontier_data()
    table = frontier_of(data, "exact_match").table
    points = {point.row.system: point for point in frontier_points(data, "exact_match")}
    assert table["system"].tolist() == sorted(points, key=lambda name: points[name].stored)
    assert table["stored_bytes"].tolist() == [200, 205, 1000, 1010, 1010]
    scores = [points[name].row.value for name in table["system"]]
    assert table["exact_match"].tolist() == scores and set(table["n"]) == {N}
    assert table["ci_low"].tolist() == pytest.approx([max(0.0, score - 5) for score in scores])


@pytest.mark.usefixtures("no_figures")
def test_a_metric_that_is_not_there_is_named() -> None:
    with pytest.raises(GistevalError, match=r"no metric 'exact_mach'.*did you mean 'exact_match'"):
        frontier_of(frontier_data(), "exact_mach")


def test_the_figure_is_drawn_into_the_notebook() -> None:
    pytest.importorskip("matplotlib")
    found = frontier_of(frontier_data(), "exact_match")
    (image,) = found.figures
    assert image.startswith(b"\x89PNG")
    text = found._repr_html_()
    assert text.count("<img ") == 1 and 'src="data:image/png;base64,iVBOR' in text
    assert "<script" not in text
