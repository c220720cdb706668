"""The manifest of a run, from its plan."""

from __future__ import annotations

from collections.abc import Sequence

from gisteval.pipeline.estimate.split_cost import rerun_flops
from gisteval.pipeline.manifest import build_manifest
from gisteval.pipeline.run.plan import Plan, run_identity
from gisteval.records.choosing import FIRST
from gisteval.records.manifest import Manifest, System


def run_manifest(plan: Plan, command: Sequence[str]) -> Manifest:
    """What manifest.json says of a run that has not begun."""
    references, negatives = plan.references, plan.negatives
    task = plan.task.definition
    systems = [
        System(
            name=system.name,
            role=system.role,
            reference=references[system.name],
            negative=negatives[system.name],
            evaluated=system.name in plan.evaluated,
            condition=system.condition,
            control=system.control,
            compressor=system.compressor,
            budget=None if system.budget is None else str(system.budget),
            k=system.k,
            checkpoint=str(system.checkpoint.path),
            weights=plan.identities[system.name].weights,
            loss=tuple(map(tuple, system.checkpoint.record.training.get("loss", []))),
            rerun_flops=rerun_flops(system),
        )
        for system in plan.systems
    ]
    return build_manifest(
        run_identity(plan),
        plan.examples,
        systems,
        command,
        device=str(plan.placement.device),
        dtype=next(iter(plan.identities.values())).dtype,
        config=plan.config.to_json(),
        device_map=plan.placement.device_map,
        quantize=plan.placement.quantize,
        notes=tuple(plan.notes),
        signature={
            "task": f"{plan.task.name}-v{task.version}",
            "seed": plan.config.seed,
            **_chosen(plan),
            **_drawn(plan),
        },
        metrics=tuple(task.metrics),
        samples=plan.config.drawn,
    )


def _chosen(plan: Plan) -> dict[str, str]:
    """What a number's signature says of how examples were chosen; nothing for the first ones."""
    return {} if plan.config.choose == FIRST else {"examples": plan.config.choose}


def _drawn(plan: Plan) -> dict[str, str]:
    """What a number's signature says of drawn answers; nothing for greedy ones."""
    config = plan.config
    return {} if config.drawn is None else {"samples": f"{config.drawn}@t{config.temperature:g}"}
