"""`gisteval compress`: one-off compression with its accounting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from gisteval.compressors.base import check_budget
from gisteval.errors import GistevalError
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.models.checkpoints.loading import load_placed, resolve
from gisteval.models.checkpoints.placement import choose_placement
from gisteval.records.schema import Condition
from gisteval.registry import COMPRESSORS
from gisteval.suite import CONDITION_COMPRESSOR


def compress_prompts(
    model: str,
    prompts: Sequence[str],
    compressor: str | None,
    *,
    budget: int | None,
    k: int | None,
    condition: Condition | None,
    device: str,
    dtype: str,
    device_map: str | None = None,
    quantize: str | None = None,
    base: str | None = None,
    allow_pickle: bool = False,
    chat_template: str | None = None,
) -> list[dict[str, Any]]:
    """One row a prompt: the compressor and the accounting (tokens, slots, bytes)."""
    if not all(prompt.strip() for prompt in prompts):
        raise GistevalError("--prompt is empty: give the instruction to compress")
    for name, value in (("budget", budget), ("k", k)):
        if value is not None and value < 1:
            raise GistevalError(f"{name} must be at least 1, not {value}")
    checkpoint = inspect_checkpoint(
        resolve(model, allow_pickle),
        condition,
        k,
        allow_pickle,
        resolve(base, allow_pickle) if base else None,
        chat_template,
    )
    trained = checkpoint.record.condition
    name = compressor or (CONDITION_COMPRESSOR[trained] if trained else "none")
    check_budget(budget, {name: COMPRESSORS.load(name)})
    method = COMPRESSORS.load(name)()
    loaded = load_placed(checkpoint, choose_placement(device, dtype, device_map, quantize))
    compressed = method.compress(loaded, prompts, budget)
    return [
        {"prompt": prompt, "compressor": name, **asdict(result.accounting)}
        for prompt, result in zip(prompts, compressed, strict=True)
    ]
