"""`gisteval train`: flags over a recipe, and a checkpoint that says what it was trained as."""

from __future__ import annotations

import json
from pathlib import Path


def test_flags_replace_what_the_recipe_says(gisteval, tiny_suite: Path, write_task, tmp_path: Path) -> None:
    """One step of a recipe that logs the loss of every second one, so that none is known."""
    task = write_task(tmp_path / "task", [("say", "cats", "cats"), ("say", "dogs", "dogs")], "train")
    file, output = tmp_path / "recipe.yaml", tmp_path / "checkpoint"
    file.write_text(
        f"family: tiny\ncondition: gist\nk: 1\nsteps: 9\nlog_every: 2\nrows_per_step: 2\ntask: {task}\n"
        f"base: {tiny_suite / 'pos_control'}\n"
    )
    done = gisteval("train", file, "--output", output, "--steps", 1, "--k", 2)
    assert done.code == 0, done.err
    assert done.out.splitlines()[-1] == f"tiny-gist-2: 1 step, saved in {output}"
    record = json.loads((output / "gist.json").read_text())
    assert (record["condition"], record["k"], record["training"]["recipe"]["steps"]) == ("gist", 2, 1)


def test_what_can_t_be_trained_is_one_line(refused, tmp_path: Path) -> None:
    base = ("train", "--task", "wordplay", "--family", "f", "--steps", 1, "--output", tmp_path / "c")
    assert "condition: Input should be 'gist'" in refused(*base, "--condition", "best")
    assert "--threads must be" in refused(*base, "--condition", "gist", "--threads", 0)
    assert not (tmp_path / "c").exists()
