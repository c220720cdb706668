"""Checkpoints are measured within a time budget, and beside a run without a change of its records."""

from __future__ import annotations

import subprocess
import sys

from gisteval.config_file import read_config
from gisteval.pipeline.profile.options import ProfileOptions
from gisteval.pipeline.profile.profile_model import model_profile
from gisteval.pipeline.run.evaluate import run


def test_the_time_budget_holds_on_a_busy_machine(tiny_suite, tiny_task):
    """Five ways at two batch sizes, beside two processes that only count."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    try:
        found = model_profile(
            ProfileOptions(
                model=str(tiny_suite),
                task=str(tiny_task),
                split="test",
                batch_sizes=(1, 8),
                time_budget=2.0,
            )
        )
    finally:
        for process in busy:
            process.kill()
            process.wait()
    assert found.seconds_spent < 3 * 2.0
    assert found.batches[0].rounds >= 1


def test_run_with_profile_adds_a_report_and_leaves_the_records(
    tiny_suite, tiny_task, tmp_path, monkeypatch
):
    monkeypatch.setattr("gisteval.pipeline.profile.profile_model.RUN_SECONDS", 0.5)
    flags = {"models": [str(tiny_suite)], "task": str(tiny_task), "splits": "test", "limit": 4}
    plain = run(read_config(None, {**flags, "output": str(tmp_path / "a")})).folder
    profiled = run(read_config(None, {**flags, "output": str(tmp_path / "b"), "profile": True})).folder
    assert (profiled / "report" / "profile.json").is_file()
    assert not (plain / "report" / "profile.json").exists()
    for file in sorted((plain / "generations").iterdir()):
        assert file.read_bytes() == (profiled / "generations" / file.name).read_bytes()
    assert (plain / "results.json").read_bytes() == (profiled / "results.json").read_bytes()
