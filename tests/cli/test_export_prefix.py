"""`gisteval export-prefix`: what is said of the file is true of it."""

from __future__ import annotations

import json
from pathlib import Path

from gisteval.content import find_content
from gisteval.pipeline.export_prefix import PLACEHOLDER

DEMO = find_content("checkpoints") / "wordplay-llama" / "gist-5"


def test_words_and_json_are_of_the_file_that_was_written(gisteval, tmp_path: Path) -> None:
    file = tmp_path / "slot.bin"
    asked = ("export-prefix", "--model", DEMO, "--prompt", "say no", "--engine", "llama.cpp")
    asked = (*asked, "--output", file, "--dtype", "float32")
    written = json.loads(gisteval(*asked, "--json").out)
    assert (written["file"], written["slots"], written["bytes"]) == (str(file), 5, file.stat().st_size)
    first, second = gisteval(*asked).out.splitlines()
    assert first.startswith(f"{file}: 5 slots (gist, float32), moved by ")
    assert f"{file.stat().st_size:,} bytes" in first
    assert second == f"prompts of requests begin with 5 tokens of id {PLACEHOLDER}"


def test_an_engine_that_loads_no_prefix_is_one_line(refused, tmp_path: Path) -> None:
    asked = ("export-prefix", "--model", DEMO, "--prompt", "say no", "--output", tmp_path / "f")
    assert "--engine vllm can't load a prefix" in refused(*asked, "--engine", "vllm")
    assert not (tmp_path / "f").exists()
