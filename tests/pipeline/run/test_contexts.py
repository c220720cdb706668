"""Prompts beyond a model's context are named before anything is loaded."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from gisteval.config import RunConfig
from gisteval.errors import InvalidRun
from gisteval.pipeline.run.plan import plan_run

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
