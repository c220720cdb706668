"""The tables of a diagnosis: every measure has them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from diagnosis_content import SYSTEMS, diagnosis_content, diagnostic_row

from gisteval.pipeline.diagnose.measures import TAKES
from gisteval.pipeline.diagnose.options import MEASURES
from gisteval.records.diagnosis import Diagnosed, read_diagnosis
from gisteval.report.diagnosis.page import TITLES
from gisteval.report.diagnosis.tables import diagnosis_tables, diagnosis_text, findings_table


def test_every_measure_is_taken_shown_and_asked() -> None:
    content = diagnosis_content()
    assert list(TAKES) == list(MEASURES) == list(TITLES)
    names = [table.name for table in diagnosis_tables(content)]
    assert names[0] == "diagnosis-findings"
    assert all(any(name.startswith(measure) for name in names) for measure in MEASURES)
    assert "0.500 [0.250, 0.750]" in diagnosis_text(content)


def test_what_is_written_is_read_and_damage_is_named(tmp_path: Path) -> None:
    content = diagnosis_content()
    file = content.write(tmp_path)
    assert read_diagnosis(tmp_path) == content
    file.write_text(file.read_text(encoding="utf-8").replace('"fault"', '"fine"'), encoding="utf-8")
    with pytest.raises(Exception, match="damaged"):
        read_diagnosis(tmp_path)
    assert read_diagnosis(tmp_path / "elsewhere") is None


def test_the_worst_findings_come_first_and_equal_ones_keep_their_order() -> None:
    states = ("ok", "note", "fault", "warning", "open", "fault")
    found = tuple(
        Diagnosed(measure="states", system="gist", split="", state=state, text=str(n))
        for n, state in enumerate(states)
    )
    rows = findings_table(replace(diagnosis_content(), findings=found)).rows
    assert [(row[0], row[-1]) for row in rows] == [
        *(("FAULT", "2"), ("FAULT", "5"), ("warning", "3"), ("note", "1"), ("open", "4"), ("ok", "0"))
    ]
    assert {row[3] for row in rows} == {"-"}


def test_a_cell_holds_the_value_of_its_own_system_and_place() -> None:
    """Also where a system lacks a place that another one has."""
    values = {(0, 1): 25.0, (0, 2): 50.0, (1, 2): 12.0}
    rows = tuple(
        replace(diagnostic_row("states", SYSTEMS[s], "spread", "states", f"layer {n}"), value=value)
        for (s, n), value in values.items()
    )
    content = replace(diagnosis_content(), rows=rows, measures=("states",), findings=())
    (table,) = diagnosis_tables(content)
    assert table.columns == ("system", "layer 1", "layer 2")
    cells = [[cell.split(" ")[0] for cell in row[1:]] for row in table.rows]
    known = [[None if cell == "-" else float(cell) for cell in row] for row in cells]
    assert known == [[25.0, 50.0], [None, 12.0]]
