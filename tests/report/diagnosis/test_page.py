"""The page of a diagnosis holds it all, and runs nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from diagnosis_content import SYSTEMS, diagnosis_content

from gisteval.records.diagnosis import Diagnosed
from gisteval.report.diagnosis.page import MEANINGS, TITLES, Seen, glance, verdict, write_diagnosis_page


def test_the_page_holds_it_all_and_no_markup_of_others(tmp_path: Path) -> None:
    content = diagnosis_content()
    page = write_diagnosis_page(content, tmp_path).read_text(encoding="utf-8")
    assert "&lt;b&gt;collapsed" in page and "<b>collapsed" not in page
    assert "<script" not in page and "a note" in page
    assert page.count('class="on-dark"') == page.count('class="on-light"') == 4
    assert list((tmp_path / "diagnostics" / "tables").glob("*.tex"))


def test_a_system_is_seen_by_its_worst_state_in_each_measure() -> None:
    found = [
        Diagnosed(
            measure=measure, system=system, split=split, state=state, text="", brief=f"{len(split)} words"
        )
        for system, measure, split, state in (
            (SYSTEMS[0], "leakage", "seen", "ok"),
            (SYSTEMS[0], "leakage", "human", "warning"),
            (SYSTEMS[0], "leakage", "unseen", "open"),
            (SYSTEMS[1], "states", "seen", "note"),
        )
    ]
    content = replace(diagnosis_content(), measures=("states", "leakage"), findings=tuple(found))
    assert glance(content) == {
        SYSTEMS[0]: [Seen(), Seen("warning", "5 words")],
        SYSTEMS[1]: [Seen("note", "4 words"), Seen()],
    }
    assert verdict(content) == "Found: 1 warning."
    assert verdict(replace(content, findings=found[:1])) == "No fault and no warning."


def test_what_was_found_of_a_family_stands_in_the_rows_of_its_systems() -> None:
    found = [
        Diagnosed(measure="states", system="a-gist-1", split="s", state="ok", text="", brief="they differ"),
        Diagnosed(measure="states", system="b-gist-1", split="s", state="ok", text="", brief="they differ"),
        Diagnosed(measure="choice", system="a", split="s", state="note", text="", brief="k = 2"),
        Diagnosed(measure="choice", system="c", split="s", state="note", text="", brief="k = 1"),
    ]
    content = replace(diagnosis_content(), measures=("states", "choice"), findings=tuple(found))
    assert glance(content) == {
        "a-gist-1": [Seen("ok", "they differ"), Seen("note", "k = 2")],
        "b-gist-1": [Seen("ok", "they differ"), Seen()],
        "c": [Seen(), Seen("note", "k = 1")],
    }


def test_each_question_is_explained() -> None:
    assert TITLES.keys() == MEANINGS.keys()
