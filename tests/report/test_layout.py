"""Tables as text: whatever a name holds, it stays in its cell and starts nothing."""

from __future__ import annotations

import csv
import io
import re

import pytest

from gisteval.report.layout import Table, latex_text, markdown_text

HOSTILE = "x\n\\input{/etc/passwd}\r| <script>alert(1)</script> \x1b[31m"


@pytest.mark.parametrize(
    "cell", ["=HYPERLINK(1)", "@SUM(A1)", "+cmd|' /C calc'!A0", "-1+1", "\t=1", "\r=1", "\n\n@x"]
)
def test_a_formula_is_quoted(cell: str) -> None:
    table = Table("t", "t", ("name",), ((cell,),))
    assert list(csv.reader(io.StringIO(table.csv_text())))[1] == ["'" + re.sub(r"\s", " ", cell)]


def test_a_hostile_name_stays_in_its_cell() -> None:
    table = Table("t", HOSTILE, ("name", HOSTILE), ((HOSTILE, "1"),))
    text = latex_text(table)
    assert "\\input" not in text.replace(text.splitlines()[0], "") and text.count("\n") == 8
    assert text.startswith("% x ") and "\x1b" not in text
    lines = markdown_text(table).splitlines()
    assert len(lines) == 3 and all(line.replace("\\|", "").count("|") == 3 for line in lines)
    assert "<script" not in markdown_text(table) and "\x1b" not in markdown_text(table)
