"""Doubts about judges: on which numbers, and in which words."""

from __future__ import annotations

from gisteval.report.doubts import MARK, NO_DOUBTS, Doubts
from gisteval.report.layout import Table

DOUBTS = Doubts({("j", "a", "s"): "it ties", ("j", "b", "s"): "it ties", ("j", "a", "t"): "it guesses"})


def test_a_doubt_is_on_one_judge_system_and_split() -> None:
    assert DOUBTS.on("j", "a", "t") == "it guesses"
    assert [DOUBTS.on(*place) for place in ((None, "a", "t"), ("k", "a", "t"), ("j", "b", "t"))] == [""] * 3
    assert DOUBTS.of("j") == ("it ties", "it guesses") and DOUBTS.of("k") == ()
    assert DOUBTS.sentences == ("The judge j can't be relied on, since it ties.",)
    assert (NO_DOUBTS.judges, NO_DOUBTS.sentences) == ((), ())


def test_a_table_of_a_judge_in_doubt_is_marked_with_all_reasons() -> None:
    table = Table("t", "Title", ("a",), (("1",),), "Note.")
    marked = DOUBTS.marked(table, "j")
    assert marked.title == f"Title {MARK}" and marked.rows == table.rows
    assert marked.note.startswith("Note. ") and "it ties" in marked.note and "it guesses" in marked.note
    assert DOUBTS.marked(table, "k") is table
