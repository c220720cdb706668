"""What commands print: nothing that steers a terminal, and strict JSON."""

from __future__ import annotations

import json

import pytest

from gisteval.cli.output import print_json, print_rows, print_text

HOSTILE = "a\x1b[31mb\x9bc\x7f"


def test_no_character_steers_the_terminal(capsys) -> None:
    print_text(f"one\n{HOSTILE}")
    print_json({"name": HOSTILE})
    out = capsys.readouterr().out
    assert not set(out) & {"\x1b", "\x9b", "\x7f"}
    assert json.loads(out[out.index("{") :]) == {"name": HOSTILE}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_is_strict(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        print_json([value])


def test_rows_are_lines_or_json(capsys) -> None:
    print_rows([1, 2], False, lambda row: f"row {row}")
    assert capsys.readouterr().out == "row 1\nrow 2\n"
    print_rows([1, 2], True, str)
    assert json.loads(capsys.readouterr().out) == [1, 2]
