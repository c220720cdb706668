"""`gisteval compress`: one-off compression with its accounting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import product
from typing import Any

from gisteval.compressors.base import check_budget
from gisteval.compressors.spec import CompressorSpec
from gisteval.config import RunConfig
from gisteval.errors import GistevalError
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.models.checkpoints.loading import load_placed, resolve
from gisteval.models.checkpoints.placement import choose_placement
from gisteval.records.budget import parse_budgets
from gisteval.records.schema import as_condition
from gisteval.registry import CONDITION_COMPRESSOR, UNCOMPRESSED


def compress_prompts(config: RunConfig, prompts: Sequence[str]) -> list[dict[str, Any]]:
    """Compress instructions with the one model of a configuration.

    Returns:
        One row for each compressor, budget and prompt: the compressor and the accounting (tokens, slots,
        bytes).
    """
    if not all(prompt.strip() for prompt in prompts):
        raise GistevalError("--prompt is empty: give the instruction to compress")
    (model,) = config.models
    checkpoint = inspect_checkpoint(
        resolve(model, config.allow_pickle),
        as_condition(config.condition),
        config.k,
        config.allow_pickle,
        resolve(config.base, config.allow_pickle) if config.base else None,
        config.chat_template,
    )
    trained = checkpoint.record.condition
    texts = config.compressors or (CONDITION_COMPRESSOR.get(trained or "", UNCOMPRESSED),)
    methods = {spec: spec.build() for spec in map(CompressorSpec.parse, texts)}
    budgets = parse_budgets(config.budgets)
    check_budget(budgets, methods.values())
    for method in methods.values():
        method.check_architecture(checkpoint.architecture.name, str(checkpoint.path))
        for budget in budgets or (None,):
            method.check_instructions(prompts, budget)
    placement = choose_placement(config.device, config.dtype, config.device_map, config.quantize)
    loaded = load_placed(checkpoint, placement)
    rows = []
    for (spec, method), budget in product(methods.items(), budgets or (None,)):
        compressed = method.compress(loaded, prompts, budget)
        rows += [
            {"prompt": prompt, "compressor": str(spec), **asdict(result.accounting)}
            for prompt, result in zip(prompts, compressed, strict=True)
        ]
    return rows
