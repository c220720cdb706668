"""Bars and lines of progress: names in them are others'."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from gisteval.pipeline import progress
from gisteval.pipeline.progress import working


@pytest.mark.parametrize("name", ["[/evil]", "[red]x", "a\x1b[2Jb", "\\[/", "a\nb", "\x9b31m"])
def test_a_bar_shows_any_name_as_it_is(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=80, color_system=None)
    monkeypatch.setattr(progress, "Console", lambda stderr: terminal)
    with working() as work:
        task = work.begin(name, total=2)
        work.advance(task, 1)
        work.rename(task, f"{name} again")
        work.advance(task, 1)
    shown = screen.getvalue()
    plain = "".join(letter if letter.isprintable() else " " for letter in name)
    assert f"{plain} again" in shown and "\x1b[2J" not in shown and "\x9b" not in shown
