"""`gisteval compress`: one-off compression, what it keeps of each prompt, and its accounting."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gisteval.compressors.base import Compressor, check_budget
from gisteval.compressors.eviction.base import Eviction
from gisteval.compressors.spec import CompressorSpec
from gisteval.config import RunConfig
from gisteval.errors import GistevalError, one_line
from gisteval.files.foreign import read_json
from gisteval.models.checkpoints.checkpoint import Checkpoint, inspect_checkpoint
from gisteval.models.checkpoints.loading import load_placed, resolve
from gisteval.models.checkpoints.placement import choose_placement
from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import EncoderState, Prefix, Tokens
from gisteval.models.running.decoder import DecoderModel
from gisteval.models.running.observe import LayerView
from gisteval.models.text.numbers import as_text, number_tokens
from gisteval.records.budget import Budget, parse_budgets
from gisteval.records.schema import as_condition
from gisteval.registry import CONDITION_COMPRESSOR, UNCOMPRESSED

ATTENTIONS = ("sdpa", "eager")
"""Attention functions of transformers that prompts can be run with."""


def compress_prompts(
    config: RunConfig,
    prompts: Sequence[str] = (),
    token_ids: Path | None = None,
    attention: str | None = None,
) -> list[dict[str, Any]]:
    """Compress prompts with the one model of a configuration.

    Args:
        config: Its model, compressors, budgets and hardware.
        prompts: Instructions, which the checkpoint's template surrounds.
        token_ids: A JSON file of whole prompts in place of instructions. No tokenizer is needed then, and
            nothing is added to the ids.
        attention: One of ATTENTIONS; None leaves the choice to transformers.

    Returns:
        One row for each compressor, budget and prompt: the accounting (tokens, slots, bytes), the seconds
        that it took, and what is kept. See `_kept`.

    Raises:
        GistevalError: For prompts, options or a model that don't fit.
    """
    ids = None if token_ids is None else read_token_ids(token_ids)
    _check_prompts(prompts, ids, attention)
    checkpoint = checkpoint_of(config, needs_tokenizer=ids is None)
    methods = methods_of(config, checkpoint, as_ids=ids is not None)
    budgets = parse_budgets(config.budgets)
    check_budget(budgets, methods.values())
    for method, budget in product(methods.values(), budgets or (None,)):
        method.check_instructions(prompts, budget)
    placement = choose_placement(config.device, config.dtype, config.device_map, config.quantize)
    tokens = None if ids is None else number_tokens(max(max(row) for row in ids))
    model = load_placed(checkpoint, placement, tokens)
    if ids is not None:
        _check_rows(model, ids, f"{token_ids}")
        prompts = [as_text(row) for row in ids]
    if attention is not None:
        model.model.set_attn_implementation(attention)
    return [
        {"prompt": prompt, "compressor": str(spec), **_row(model, method, prompt, budget)}
        for (spec, method), budget in product(methods.items(), budgets or (None,))
        for prompt in prompts
    ]


def read_token_ids(file: Path) -> list[list[int]]:
    """The prompts of a JSON file: a list of token ids, or a list of such lists.

    Raises:
        GistevalError: The file can't be read, or holds something else.
    """
    try:
        content = read_json(file)
    except (OSError, ValueError) as error:
        raise GistevalError(f"--token-ids {file} can't be read ({one_line(error)})") from error
    rows = content if isinstance(content, list) and content and isinstance(content[0], list) else [content]
    for row in rows:
        if not isinstance(row, list) or not row or any(type(n) is not int or n < 0 for n in row):
            raise GistevalError(
                f"--token-ids {file} must hold a list of token ids, such as [1, 72, 5], or a list of lists"
            )
    return rows


def _check_prompts(prompts: Sequence[str], ids: list[list[int]] | None, attention: str | None) -> None:
    if ids is None and not prompts:
        raise GistevalError("there is no prompt: give --prompt TEXT or --token-ids FILE")
    if ids is not None and prompts:
        raise GistevalError("--prompt and --token-ids both give prompts: leave one of them out")
    if not all(prompt.strip() for prompt in prompts):
        raise GistevalError("--prompt is empty: give the instruction to compress")
    if attention not in (None, *ATTENTIONS):
        raise GistevalError(f"attention {attention!r} is unknown: choose {' or '.join(ATTENTIONS)}")


def checkpoint_of(config: RunConfig, needs_tokenizer: bool) -> Checkpoint:
    """The one model of a configuration. Raises GistevalError if it is no checkpoint."""
    (model,) = config.models
    return inspect_checkpoint(
        resolve(model, config.allow_pickle),
        as_condition(config.condition),
        config.k,
        config.allow_pickle,
        resolve(config.base, config.allow_pickle) if config.base else None,
        config.chat_template,
        needs_tokenizer=needs_tokenizer,
    )


def methods_of(config: RunConfig, checkpoint: Checkpoint, as_ids: bool) -> dict[CompressorSpec, Compressor]:
    """The compressors that were asked for, or the checkpoint's own."""
    own = UNCOMPRESSED if as_ids else CONDITION_COMPRESSOR.get(checkpoint.record.condition or "")
    texts = config.compressors or (own or UNCOMPRESSED,)
    methods = {spec: spec.build() for spec in map(CompressorSpec.parse, texts)}
    for method in methods.values():
        method.check_architecture(checkpoint.architecture.name, str(checkpoint.path))
        if as_ids and method.needs_gists:
            raise GistevalError(
                f"compressor {method.name} adds gist tokens to an instruction, and --token-ids are whole "
                "prompts: give the instruction with --prompt"
            )
    return methods


def _check_rows(model: PromptModel, ids: list[list[int]], where: str) -> None:
    worst = max(max(row) for row in ids)
    if model.tokens.rows is not None and worst >= model.tokens.rows:
        raise GistevalError(
            f"--token-ids {where} holds {worst}, but the model's embedding has {model.tokens.rows} rows"
        )


def _row(model: PromptModel, method: Compressor, prompt: str, budget: Budget | None) -> dict[str, Any]:
    start = time.perf_counter()
    (compressed,) = method.compress(model, [prompt], budget)
    seconds = time.perf_counter() - start
    row = {"budget": None if budget is None else str(budget), **asdict(compressed.accounting)}
    row["seconds"] = seconds
    (ids,) = method.prompts(model, [prompt])
    if isinstance(compressed, Tokens):
        row["token_ids"] = list(compressed.token_ids)
        row["tokens"] = _texts(model, compressed.token_ids)
    elif isinstance(compressed, Prefix):
        row |= _kept(model, method, ids, compressed)
    elif isinstance(compressed, EncoderState):
        row["slots"] = compressed.slots
    return row


def _kept(model: PromptModel, method: Compressor, ids: Sequence[int], prefix: Prefix) -> dict[str, Any]:
    """What a prefix keeps of its prompt.

    Returns:
        slots: a layer and head. tokens: the prompt's, as texts. shares: of the heads of all layers, how
        many keep each token. layers: for each the kept positions, `indices`, a list a key-value head; for
        an evictor beside them their `scores`.
    """
    positions = [prefix.positions(layer).cpu() for layer in range(len(prefix.layers))]
    counts = torch.bincount(torch.cat([layer.flatten() for layer in positions]), minlength=len(ids))
    heads = sum(layer.shape[0] for layer in positions)
    layers: list[dict[str, Any]] = [{"indices": layer.tolist()} for layer in positions]
    if isinstance(method, Eviction) and isinstance(model, DecoderModel):
        for layer, kept, scores in zip(layers, positions, _scores(model, method, ids), strict=True):
            layer["scores"] = [
                [value if math.isfinite(value) else None for value in head]
                for head in scores.take_along_dim(kept, dim=1).tolist()
            ]
    return {
        "slots": prefix.slots,
        "tokens": _texts(model, ids),
        "shares": [float(f"{count / heads:.6g}") for count in counts.tolist()],
        "layers": layers,
    }


def _scores(model: DecoderModel, method: Eviction, ids: Sequence[int]) -> list[Tensor]:
    """An evictor's scores of a prompt, (kv heads, tokens) a layer, by a pass of their own."""
    found: list[Tensor] = []

    def see(view: LayerView) -> None:
        found.append(method.score(view)[0].float().cpu())

    model.observe([ids], see)
    return found


def _texts(model: PromptModel, ids: Sequence[int]) -> list[str]:
    return [str(model.tokens.tokenizer.decode([number])) for number in ids]
