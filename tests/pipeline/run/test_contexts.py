"""Prompts beyond a model's context are named before anything is loaded."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from gisteval.config import RunConfig
from gisteval.errors import InvalidRun
from gisteval.pipeline.run.evaluate import run
from gisteval.pipeline.run.plan import plan_run
from gisteval.records.run_folder import RunFolder

LONG = ("maybe " * 400, "", "yes")


def plan(suite: Path, task: Path, *more: str):
    return plan_run(RunConfig(models=(str(suite / "gist-3"),), task=str(task), compressors=more))


def test_some_are_named_and_the_run_goes_on(tiny_suite, tmp_path: Path, write_task, caplog) -> None:
    task = write_task(tmp_path / "task", [LONG, ("say yes", "", "yes")])
    with caplog.at_level(logging.WARNING):
        found = plan(tiny_suite, task)
    assert "1 of 2 examples exceed the context and will have no output (small-test-0001)" in caplog.text
    assert len(found.examples["test"]) == 2


def test_a_run_of_which_nothing_fits_is_refused(tiny_suite, tmp_path: Path, write_task) -> None:
    task = write_task(tmp_path / "task", [LONG])
    with pytest.raises(InvalidRun, match=r"no example fits .* context of 256 .*1 example, .*needs \d{3}"):
        plan(tiny_suite, task)


def test_segments_read_what_is_beyond_the_context(tiny_suite: Path, tmp_path: Path) -> None:
    config = RunConfig(
        models=(str(tiny_suite / "gist-1"),),
        task="needle:length=256,examples=2",
        splits=("single_uuid",),
        compressors=("segments:numbering=slots", "full"),
        judge="none",
        max_new_tokens=2,
        output=str(tmp_path / "run"),
    )
    found = run(config)
    folder = RunFolder.open(found.folder)
    (segments,) = [s.name for s in folder.systems if s.compressor.startswith("segments")]
    records = list(folder.read_generations(segments, "single_uuid"))
    assert len(records) == 2
    assert all(record.source_tokens > 256 for record in records)
    assert all(record.kept == -(-record.source_tokens // 32) for record in records)
    # Proven as a whole prompt in one pass, positions within the context; the others have no output at all.
    assert folder.manifest().self_check.keys() == {segments}
    rest = [s.name for s in folder.systems if s.name != segments]
    assert len(rest) >= 2
    for name in rest:
        assert not list(folder.read_generations(name, "single_uuid"))
        assert len(folder.failed(name, "single_uuid")) == 2
        assert any(note.startswith(f"{name} on single_uuid: 2 examples exceed") for note in found.notes)
    assert "segments:numbering=slots" in (found.folder / "report" / "report.md").read_text()


def test_a_context_that_only_the_loaded_model_knows(
    tiny_suite: Path, tmp_path: Path, write_task, monkeypatch
) -> None:
    """As of GGUF. There is nothing to score then, and no report of nothing."""
    monkeypatch.setattr("gisteval.pipeline.run.plan.check_contexts", lambda *_: None)
    task = write_task(tmp_path / "task", [LONG])
    config = RunConfig(models=(str(tiny_suite / "gist-1"),), task=str(task), output=str(tmp_path / "run"))
    with pytest.raises(InvalidRun, match="no example fits into any model's context"):
        run(config)
    assert not (tmp_path / "run" / "report").exists()
