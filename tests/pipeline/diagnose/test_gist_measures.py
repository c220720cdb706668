"""What the measures of gists look at: instructions, prompts of others, and paraphrases."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gisteval.config import RunConfig
from gisteval.content import find_content
from gisteval.pipeline.diagnose.bench import Bench, Unit
from gisteval.pipeline.diagnose.gist_measures import instructions, take_leakage
from gisteval.pipeline.run.plan import Plan, plan_run

CHECKPOINTS = find_content("checkpoints") / "wordplay-llama"


@pytest.fixture
def plan(tiny_suite: Path, tiny_task: Path) -> Plan:
    """Two gists and their controls on four examples, of which no weights are loaded."""
    return plan_run(RunConfig(models=(str(tiny_suite),), task=str(tiny_task), limit=4, judge="none"))


def test_an_instruction_is_looked_at_once_at_its_first_example(plan: Plan) -> None:
    first = plan.examples["test"]
    again = [replace(example, id="again", input="other") for example in first]
    assert instructions([*first, *again]) == list(first)


def settings_by_role(plan: Plan, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """The prompts behind which each role would be read; nothing is."""
    asked: dict[str, set[str]] = {}

    def observe(bench: Bench, unit: Unit) -> list[object]:
        asked.setdefault(unit.system.role, set()).update(unit.settings)
        return []

    monkeypatch.setattr(Bench, "observe", observe)
    take_leakage(Bench(plan, folder))
    return asked


def test_a_task_without_paraphrases_tries_none(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings_by_role(plan, tmp_path, monkeypatch) == {
        "candidate": {"own prompt", "another's prompt"},
        "negative": {"own prompt"},
    }


def test_paraphrases_are_tried_on_gists_and_on_the_full_prompt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = RunConfig(models=(str(CHECKPOINTS / "gist-1"),), splits=("human",), limit=4, judge="none")
    assert settings_by_role(plan_run(config), tmp_path, monkeypatch) == {
        "candidate": {"own prompt", "another's prompt", "a paraphrase's prompt"},
        "positive": {"own prompt", "a paraphrase's prompt"},
        "negative": {"own prompt"},
    }
