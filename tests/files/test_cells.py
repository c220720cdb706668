"""No cell runs as a formula, and numbers stay numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gisteval.files.cells import inert_cell


@pytest.mark.parametrize(
    "text", ["=HYPERLINK(1)", "@SUM(A1)", "+cmd|' /C calc'!A0", "-1+1", "\t=1", "\r\n@x"]
)
def test_a_formula_is_quoted(text: str) -> None:
    assert inert_cell(text) == "'" + text


@pytest.mark.parametrize(
    "text", ["-", "-1.5", "+0.3", "1,000", "-2e-05", "+5%", "-inf", "gist-1", "a\n=1", ""]
)
def test_numbers_and_names_stay_as_they_are(text: str) -> None:
    assert inert_cell(text) == text


@given(st.text(alphabet="=+-@ \t\r\n01.,e%ab'"))
def test_what_still_begins_like_a_formula_is_a_number(text: str) -> None:
    cell = inert_cell(text)
    assert cell in (text, "'" + text)
    if cell.lstrip()[:1] in tuple("=+-@"):
        assert set(cell) <= set("+-01.,e%")
