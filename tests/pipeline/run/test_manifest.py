"""The manifest of a run that has not begun says what its plan decided."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from gisteval.config import RunConfig
from gisteval.options import checked_fields
from gisteval.pipeline.run.manifest import run_manifest
from gisteval.pipeline.run.plan import plan_run
from gisteval.profiling.closed_form import forward
from gisteval.profiling.shapes import load_shape
from gisteval.records.manifest import Manifest


def test_a_manifest_names_systems_controls_and_what_is_run_again(tiny_suite: Path, tiny_task: Path) -> None:
    config = RunConfig(
        models=(str(tiny_suite / "gist-3"),), task=str(tiny_task), limit=2,
        compressors=("gist", "truncate"), budgets=("4",),
    )  # fmt: skip
    plan = plan_run(config)
    made = run_manifest(plan, ["gisteval", "run"])
    written = json.loads(json.dumps(made.to_json()))
    assert Manifest.from_json(written).to_json() == made.to_json()
    assert [system.name for system in made.systems] == [system.name for system in plan.systems]
    by_role = {system.role: system.name for system in made.systems}
    for system in made.systems:
        assert (system.reference, system.negative) == (by_role["positive"], by_role["negative"])
        assert system.evaluated == (system.role == "candidate")
    by_compressor = {system.compressor: system for system in made.systems}
    gist, truncate = by_compressor["gist"], by_compressor["truncate"]
    assert (gist.k, gist.budget, truncate.budget) == (3, None, "4")
    assert gist.rerun_flops == ()  # it keeps states
    shape = load_shape(str(tiny_suite / "gist-3")).closed
    assert shape is not None and truncate.rerun_flops is not None
    for tokens in (1, 7, 20):
        again = sum(factor * tokens**power for power, factor in enumerate(truncate.rerun_flops))
        assert again == forward(shape, tokens, 0, logits=0).total
    assert made.signature == {"task": "tiny-v1", "seed": 0}
    assert made.splits == {"test": 2} and not made.self_check


def test_how_examples_were_chosen_is_said_where_they_are_not_the_first(
    tiny_suite: Path, tiny_task: Path
) -> None:
    config = RunConfig(models=(str(tiny_suite / "gist-3"),), task=str(tiny_task), limit=8)
    first = run_manifest(plan_run(config), [])
    assert "choose" not in first.config and "examples" not in first.signature
    plan = plan_run(replace(config, choose="instructions", seed=4))
    spread = run_manifest(plan, [])
    assert spread.config["choose"] == spread.signature["examples"] == "instructions"
    # 24 examples of 8 instructions: one of each.
    assert len({example.instruction for example in plan.examples["test"]}) == 8
    assert spread.identity.examples != first.identity.examples
    assert RunConfig(**checked_fields(RunConfig, spread.config, "")) == plan.config
