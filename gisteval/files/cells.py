"""Cells of CSV files that spreadsheets open: a text must not run as a formula there."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"[+-]?([\d.,]*(e[+-]?\d+)?%?|inf|nan)")


def inert_cell(text: str) -> str:
    """Return a text as a cell that no spreadsheet takes for a formula.

    A quote goes before a text that begins like a formula, leading white space aside. Numbers with a sign,
    and a dash, stay as they are.
    """
    start = text.lstrip()[:1]
    if start in ("=", "@") or (start in ("+", "-") and not _NUMBER.fullmatch(text)):
        return f"'{text}"
    return text
