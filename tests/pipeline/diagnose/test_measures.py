"""What the measures of a diagnosis compare."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gisteval.config import RunConfig
from gisteval.content import find_content
from gisteval.pipeline.diagnose.bench import Bench
from gisteval.pipeline.diagnose.measures import compared, take_drift, take_training
from gisteval.pipeline.run.plan import Plan, plan_run
from gisteval.records.schema import Example
from gisteval.training.recipe import build_recipe
from gisteval.training.train import train

GIST = find_content("checkpoints") / "wordplay-llama" / "gist-1"


@pytest.fixture(autouse=True)
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gisteval.report.diagnosis.page.can_draw", lambda: False)


@pytest.fixture
def plan(tiny_suite: Path, tiny_task: Path) -> Plan:
    """Two gists and their controls on four examples, of which no weights are loaded."""
    return plan_run(RunConfig(models=(str(tiny_suite),), task=str(tiny_task), limit=4, judge="none"))


def test_each_system_is_compared_with_its_positive_control_and_no_other(plan: Plan, tmp_path: Path) -> None:
    bench = Bench(plan, tmp_path)
    positives = [system for system in plan.systems if system.role == "positive"]
    found = Counter(system.name for positive in positives for system in compared(bench, positive))
    assert found == Counter(s.name for s in plan.systems if s.role != "positive")
    assert {bench.negative(system).role for system in plan.systems} == {"negative"}


def test_what_can_not_be_measured_has_no_row(plan: Plan, tmp_path: Path) -> None:
    """No later model reads the gists, and random weights have no losses of a training."""
    bench = Bench(plan, tmp_path)
    assert take_drift(bench).rows == () and take_training(bench).rows == ()
    assert list(tmp_path.iterdir()) == []


def test_stored_gists_of_the_same_weights_are_the_same(gisteval: Any, tmp_path: Path) -> None:
    arguments = ("--model", GIST, "--reader", GIST, "--split", "human", "--limit", "4")
    done = gisteval("diagnose", *arguments, "--only", "drift", "--output", tmp_path / "d", "--json")
    content = json.loads(done.out)
    (finding,) = content["findings"]
    assert finding["text"].startswith("INCONCLUSIVE")  # of four examples
    assert all(row["value"] == 0.0 for row in content["rows"] if row["metric"] == "kl")


def test_three_trainings_that_differ_in_their_seed_are_compared(tiny_task: Path, tmp_path: Path) -> None:
    words = ["cats", "dogs", "yes", "no", "maybe", "first"]
    examples = [Example(word, "tiny", "train", f"say {word}", "again", word) for word in words]
    shared = {
        "task": "tiny", "steps": 4, "rows_per_step": 3, "learning_rate": 0.02,
        "log_every": 1, "save_every": 2,
        "scratch": {
            "vocab_size": 300, "hidden_size": 32, "intermediate_size": 64, "layers": 2, "heads": 2,
            "context": 256,
        },
    }  # fmt: skip
    for seed in range(3):
        for condition in ("gist", "pos_control"):
            changes = {"family": f"tiny-{seed}", "seed": seed, "condition": condition, "k": 1}
            recipe = build_recipe({**shared, **changes}, "test")
            train(recipe, examples, tmp_path / f"s{seed}" / condition)
    models = tuple(str(tmp_path / f"s{seed}") for seed in range(3))
    config = RunConfig(models=models, task=str(tiny_task), limit=2, judge="none")
    summary = take_training(Bench(plan_run(config), tmp_path))
    text = summary.findings[-1].text
    assert text.startswith("3 seeds (tiny-0-gist-1, tiny-1-gist-1, tiny-2-gist-1): the loss ends ")
    assert {row.metric for row in summary.rows} == {"loss_gap", "gist_norm", "gist_entropy"}

    alone = take_training(Bench(plan_run(replace(config, models=models[:1])), tmp_path))
    assert not any("seeds" in finding.text for finding in alone.findings)
