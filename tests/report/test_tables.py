"""Rows as text cells: intervals, missing values, compression, alignment."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gisteval.records.schema import ResultRow
from gisteval.report.layout import plain_text
from gisteval.report.tables import interval_text, split_tables

ROW = ResultRow(
    task="t",
    split="seen",
    system="gist-1",
    condition="gist",
    control=None,
    compressor="gist",
    k=1,
    metric="rougeL",
    value=45.44,
    ci_low=39.51,
    ci_high=51.17,
    unit="percent",
    n=24,
    clusters=8,
    failures=0,
    retention=87.6,
    retention_ci_low=80.0,
    retention_ci_high=95.4,
)


def metric(name: str, value: float, **changes: object) -> ResultRow:
    blank = replace(ROW, retention=None, retention_ci_low=None, retention_ci_high=None)
    return replace(blank, metric=name, value=value, ci_low=value, ci_high=value, **changes)


def cells(*rows: ResultRow) -> dict[str, str]:
    (table,) = split_tables(rows)
    (row,) = table.rows
    return dict(zip(table.columns, row, strict=True))


@pytest.mark.parametrize(
    ("value", "low", "high", "digits", "text"),
    [
        (45.44, 39.51, 51.17, 1, "45.4 [39.5, 51.2]"),
        (45.44, 39.51, 51.17, 0, "45 [40, 51]"),
        (5.4758, 5.4, 5.55, 3, "5.476 [5.400, 5.550]"),
        (-0.5, -1.0, 0.0, 1, "-0.5 [-1.0, 0.0]"),
        (45.44, None, None, 1, "45.4 [unbounded]"),
        (45.44, None, 51.17, 1, "45.4 [-inf, 51.2]"),
        (45.44, 39.51, None, 1, "45.4 [39.5, inf]"),
    ],
)
def test_intervals(value, low, high, digits: int, text: str) -> None:
    assert interval_text(value, low, high, digits) == text


def test_cells_of_a_system() -> None:
    found = cells(
        ROW,
        metric("exact_match", 25.0),
        metric("exact_match_pos", 50.0),
        metric("nll", 1.75),
        metric("compression_requested", 12.0),
        metric("compression_achieved", 11.96),
        metric("compression_ratio_of_means", 10.5),
        metric("bytes", 6144.0),
    )
    assert found == {
        "system": "gist-1",
        "k": "1",
        "ROUGE-L": "45.4 [39.5, 51.2]",
        "exact match": "25.0 [25.0, 25.0]",
        "= pos. control": "50.0 [50.0, 50.0]",
        "loss": "1.750 [1.750, 1.750]",
        "retained ROUGE-L %": "88 [80, 95]",
        "retained exact match %": "-",
        "compression asked": "12.0x",
        "compression achieved": "12.0x",
        "of mean lengths": "10.5x",
        "bytes a prompt": "6,144",
        "n": "24",
    }


def test_what_is_not_there_is_a_dash() -> None:
    found = cells(metric("length", 3.0, failures=2, n=22))
    assert found["n"] == "22 (2 without output)"
    others = set(found) - {"system", "k", "n"}
    assert {found[column] for column in others} == {"-"}


def test_an_unbounded_retention_says_so() -> None:
    row = replace(ROW, retention=400.0, retention_ci_low=None, retention_ci_high=None)
    assert cells(row)["retained ROUGE-L %"] == "400 [unbounded]"


def test_nothing_is_asked_of_a_compressor_without_gists() -> None:
    found = cells(metric("compression_achieved", 4.0), metric("compression_ratio_of_means", 3.5))
    names = ("compression asked", "compression achieved", "of mean lengths")
    assert [found[name] for name in names] == ["-", "4.0x", "3.5x"]


def test_controls_and_shortened_prompts_show_no_k() -> None:
    for part in ({"condition": "pos_control"}, {"condition": "neg_control"}, {"compressor": "truncate"}):
        assert cells(replace(ROW, **part))["k"] == "-"


def test_tables_keep_the_order_of_the_run() -> None:
    rows = [
        replace(ROW, split=split, system=system)
        for split in ("unseen", "human")
        for system in ("pos", "b", "a", "neg")
    ]
    tables = split_tables(rows)
    assert [table.title for table in tables] == ["unseen", "human"]
    for table in tables:
        assert [row[0] for row in table.rows] == ["pos", "b", "a", "neg"]


def test_console_text_is_aligned() -> None:
    (table,) = split_tables([ROW, replace(ROW, system="a-much-longer-name")])
    text = plain_text(table)
    title, *lines = text.splitlines()
    assert title == "seen"
    header, rule, first, second = lines[:4]
    for start in (header.index("ROUGE-L"), header.rindex("n")):
        assert all(line[start - 1] == " " and line[start] != " " for line in (header, rule, first, second))
    assert set(rule.strip()) == {"-", " "}
