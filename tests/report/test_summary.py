"""The block of a run that fits a terminal of 80 columns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gisteval.records.judge_figures import pair_entries
from gisteval.records.results import read_results
from gisteval.report.layout import Table, plain_text
from gisteval.report.margins import margins
from gisteval.report.summary import WIDTH, fitted, judged_text, narrow_names, shortened, summary_text

RUN = Path(__file__).resolve().parents[1] / "golden" / "old_run"
FOUND = read_results(RUN)


def cells(text: str, split: str) -> dict[str, list[str]]:
    """The cells of a split's block by the system's name."""
    block = next(part for part in text.split("\n\n") if part.startswith(split))
    return {line.split()[0]: line.split()[1:] for line in block.splitlines()[3:]}


def test_each_split_is_a_block_with_a_word_for_each_system() -> None:
    text = summary_text(FOUND.rows, FOUND.judging)
    assert [line for line in text.splitlines() if "(n = " in line] == ["seen (n = 4)", "human (n = 4)"]
    found = cells(text, "human")  # with so few pairs the judge can't be relied on
    assert found["gist-1"] == ["100.0", "100.0", "-", "50.0†", "6.14", "kB", "-"]  # retained: no interval
    assert found["pos_control"][-1] == "positive" and found["neg_control"][-1] == "negative"


def test_a_first_score_of_exact_match_has_one_column() -> None:
    rows = [row for row in FOUND.rows if not row.metric.startswith("rougeL")]
    text = summary_text(rows, [])
    head = next(line for line in text.splitlines() if "verdict" in line)
    assert head.split() == ["system", "exact", "retained", "win", "bytes", "verdict"]
    assert cells(text, "human")["gist-1"][0] == "100.0"


@pytest.mark.parametrize(
    ("p_within", "p_worse", "word"),
    [(1e-9, 1.0, "good"), (1.0, 1e-9, "worse"), (1e-9, 1e-9, "slightly"), (0.4, 0.6, "open")],
)
def test_the_word_is_what_the_margins_say(p_within: float, p_worse: float, word: str) -> None:
    apart = {"negative": "wordplay-llama-neg_control-1", "p_controls": 1e-9, "p_worse": 1e-9}
    rows = [replace(row, **apart) for row in FOUND.rows]
    rows = [
        replace(row, p_within=p_within, p_worse=p_worse)
        if row.metric == "win_rate" and row.condition == "gist"
        else row
        for row in rows
    ]
    found = cells(summary_text(rows, ()), "seen")
    _, (margin, _) = margins(rows)
    assert (margin.within, margin.worse) == (p_within < 0.01, p_worse < 0.01)
    assert found["gist-1"][-1] == word


@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=80))
def test_no_name_makes_it_wider(name: str) -> None:
    rows = [replace(row, system=f"{name}-{row.system}", value=row.value) for row in FOUND.rows]
    assert max(map(len, summary_text(rows, FOUND.judging).splitlines())) <= WIDTH
    entries = [
        replace(entry, system=f"{name}-{entry.system}", judge=name) for entry in pair_entries(FOUND.judging)
    ]
    assert max(map(len, judged_text(entries).splitlines())) <= WIDTH


def test_the_win_rates_are_those_of_the_rows() -> None:
    text = judged_text(FOUND.judging)
    rates = [row for row in FOUND.rows if row.metric == "win_rate" and row.split == "human"]
    found = cells(text, "Win rates on human")
    names = narrow_names(row.system for row in FOUND.rows)
    shown = {names[row.system]: found[names[row.system]][0] for row in rates if row.reference}
    assert shown == {names[row.system]: f"{row.value:.1f}" for row in rates if row.reference}
    assert len(shown) == 2 and "With --verbose: How judge reference behaves" in text
    assert "reference: Uncorrected: no labels of people correct this judge." in text


def test_a_table_fits_by_its_longest_texts_alone() -> None:
    table = Table("t", "title " * 20, ("name", "n"), (("x" * 100, "1"), ("y", "2" * 30)))
    narrow = fitted(table, "name")
    assert max(map(len, plain_text(narrow).splitlines())) == WIDTH
    assert [row[1] for row in narrow.rows] == ["1", "2" * 30] and narrow.rows[1][0] == "y"
    assert fitted(narrow, "name") == narrow


def test_a_cut_name_keeps_both_ends() -> None:
    assert shortened("abcdefghijklmnopqrst", 12) == "ab..mnopqrst"
    assert shortened("abcdefghijkl", 12) == "abcdefghijkl"
