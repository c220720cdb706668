"""`gisteval compress`: one-off compression with its accounting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from gisteval.compressors.base import check_budget
from gisteval.compressors.spec import CompressorSpec
from gisteval.errors import GistevalError
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.models.checkpoints.loading import load_placed, resolve
from gisteval.models.checkpoints.placement import choose_placement
from gisteval.records.budget import Budget
from gisteval.records.schema import Condition
from gisteval.registry import CONDITION_COMPRESSOR, UNCOMPRESSED


def compress_prompts(
    model: str,
    prompts: Sequence[str],
    compressor: str | None,
    *,
    budget: str | None,
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
    if k is not None and k < 1:
        raise GistevalError(f"k must be at least 1, not {k}")
    amount = None if budget is None else Budget.parse(budget)
    checkpoint = inspect_checkpoint(
        resolve(model, allow_pickle),
        condition,
        k,
        allow_pickle,
        resolve(base, allow_pickle) if base else None,
        chat_template,
    )
    trained = checkpoint.record.condition
    spec = CompressorSpec.parse(compressor or CONDITION_COMPRESSOR.get(trained or "", UNCOMPRESSED))
    method = spec.build()
    check_budget([] if amount is None else [amount], [method])
    method.check_architecture(checkpoint.architecture.name, str(checkpoint.path))
    loaded = load_placed(checkpoint, choose_placement(device, dtype, device_map, quantize))
    compressed = method.compress(loaded, prompts, amount)
    return [
        {"prompt": prompt, "compressor": str(spec), **asdict(result.accounting)}
        for prompt, result in zip(prompts, compressed, strict=True)
    ]
