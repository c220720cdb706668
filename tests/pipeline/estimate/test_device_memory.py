"""The memory that --dry-run says, against what tensors take while the run's own code answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from gisteval.config import RunConfig
from gisteval.generation.answering import answer_all
from gisteval.models.checkpoints.loading import load_model
from gisteval.pipeline.estimate.device_memory import DeviceMemory, device_memory
from gisteval.pipeline.run.plan import Plan, plan_run
from gisteval.profiling.allocation import Allocation

WITHIN = 0.1
DEMO = Path(__file__).resolve().parents[3] / "checkpoints" / "wordplay-llama"


def planned(model: Path, task: str = "wordplay", **fields: object) -> Plan:
    return plan_run(RunConfig(models=(str(model),), task=task, judge="none", **fields))  # type: ignore[arg-type]


def answered(plan: Plan, name: str) -> int:
    """Bytes that tensors take at most while a system answers at full length, without the weights."""
    system = next(system for system in plan.systems if system.name == name)
    model = load_model(system.checkpoint, torch.device("cpu"), torch.float32).endless()
    with Allocation() as found:
        for examples in plan.answers.values():
            for _ in answer_all(model, system.method(), system.budget, examples, plan.decoding):
                pass
    return found.peak


@pytest.mark.parametrize(
    ("member", "options"),
    [
        ("gist-1", {"limit": 16}),
        ("pos_control", {"limit": 12, "batch_size": "5", "max_new_tokens": 40}),
    ],
)
def test_the_peak_is_what_answering_takes(member: str, options: dict[str, Any]) -> None:
    plan = planned(DEMO / member, splits=("human",), **options)
    found = device_memory(plan)
    (name,) = plan.evaluated
    told = found[name]
    assert told.peak is not None and told.weights is not None
    assert told.peak - told.weights == pytest.approx(answered(plan, name), rel=WITHIN)
    assert told.rows == int(options.get("batch_size", 16))
    parameters = load_model(plan.systems[0].checkpoint, torch.device("cpu"), torch.float32).model
    assert told.weights == pytest.approx(sum(p.nbytes for p in parameters.parameters()), rel=0.01)


def test_half_the_bytes_in_bfloat16() -> None:
    plan = planned(DEMO / "gist-1", splits=("human",), limit=20)
    half = replace(plan, placement=replace(plan.placement, dtype=torch.bfloat16))
    (name,) = plan.evaluated
    whole, found = device_memory(plan)[name], device_memory(half)[name]
    assert found.weights == whole.weights // 2 or abs(found.weights - whole.weights / 2) < 1000
    assert whole.peak > found.peak > whole.peak / 2  # logits are float32 in both


def test_what_can_not_be_told_is_said(t5_suite: Path, tiny_suite: Path, tiny_task: Path) -> None:
    reasons = {one.reason for one in device_memory(planned(t5_suite, str(tiny_task))).values()}
    assert reasons == {"an encoder-decoder"}
    plan = planned(tiny_suite / "gist-1", str(tiny_task), compressors=("keydiff",), budgets=("50%",))
    found = {name: one for name, one in device_memory(plan).items() if one.peak is None}
    assert set(found.values()) == {DeviceMemory(None, None, None, "keydiff needs the weights' numbers")}


def test_dry_run_prints_it(tiny_suite: Path, tiny_task: Path, gisteval, dry_run) -> None:
    arguments = ("run", "--model", tiny_suite, "--task", tiny_task, "--flops-per-second", "1e9")
    found = dry_run(*arguments)
    assert set(found["memory"]) == set(found["systems"])
    assert all(one["peak"] > one["weights"] > 0 for one in found["memory"].values())
    assert "memory of the device: at most" in gisteval(*arguments, "--dry-run").out
