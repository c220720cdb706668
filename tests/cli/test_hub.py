"""`gisteval hub`: what is refused. tests/integrations/test_hub.py pushes and pulls."""

from __future__ import annotations

from pathlib import Path


def test_a_folder_without_a_run_is_refused_before_anything_is_sent(refused, tmp_path: Path) -> None:
    assert str(tmp_path) in refused("hub", "push", tmp_path, "me/mine")
