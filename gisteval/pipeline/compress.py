"""`gisteval compress`: one-off compression, what it keeps of each prompt, and its accounting."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from pathlib import Path

import torch

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
from gisteval.models.running.compressed import EncoderState, PackedPrefix, Prefix, Tokens
from gisteval.models.running.decoder import DecoderModel
from gisteval.models.running.phases import watched, with_pass
from gisteval.models.text.numbers import as_text, number_tokens
from gisteval.records.budget import Budget, parse_budgets
from gisteval.records.json_object import OPTIONAL, JsonObject
from gisteval.records.schema import as_condition
from gisteval.registry import UNCOMPRESSED

ATTENTIONS = ("sdpa", "eager")
"""Attention functions of transformers that prompts can be run with."""


@dataclass(frozen=True)
class KeptStates(JsonObject):
    """What is kept of a prompt in one layer, a list for each key-value head.

    Attributes:
        indices: Positions in the prompt.
        scores: An evictor's scores of those positions; None where a score is not finite.
    """

    indices: tuple[tuple[int, ...], ...]
    scores: tuple[tuple[float | None, ...], ...] | None = field(default=None, metadata=OPTIONAL)


@dataclass(frozen=True)
class CompressedRow(JsonObject):
    """One compressed prompt: the fields of its `Accounting`, and what is kept of it.

    Attributes:
        seconds: How long the compression took.
        seconds_by_part: The same by part: the pass over the prompt, scoring, selection and others.
        reusable: Whether it serves every input; an oracle's does not.
        slots: Slots in each layer and head, of a prefix and of an encoder's states.
        token_ids: The tokens of a shorter prompt.
        tokens: The same as texts; of a prefix, the texts of the whole prompt.
        shares: For each token of the prompt, the share of all layers' heads that keep it.
        layers: What each layer keeps.
    """

    prompt: str
    compressor: str
    budget: str | None
    source_tokens: int
    template_tokens: int
    kept: int
    bytes: int
    kept_template: int
    asked: int | None
    seconds: float
    seconds_by_part: Mapping[str, float]
    reusable: bool
    slots: int | None = field(default=None, metadata=OPTIONAL)
    token_ids: tuple[int, ...] | None = field(default=None, metadata=OPTIONAL)
    tokens: tuple[str, ...] | None = field(default=None, metadata=OPTIONAL)
    shares: tuple[float, ...] | None = field(default=None, metadata=OPTIONAL)
    layers: tuple[KeptStates, ...] | None = field(default=None, metadata=OPTIONAL)


def compress_prompts(
    config: RunConfig,
    prompts: Sequence[str] = (),
    token_ids: Path | None = None,
    attention: str | None = None,
    query: str | None = None,
) -> list[CompressedRow]:
    """Compress prompts with the one model of a configuration.

    Args:
        config: Its model, compressors, budgets and hardware.
        prompts: Instructions, which the checkpoint's template surrounds.
        token_ids: A JSON file of whole prompts in place of instructions. No tokenizer is needed then, and
            nothing is added to the ids.
        attention: One of ATTENTIONS; None leaves the choice to transformers.
        query: The input that an oracle sees.

    Returns:
        One row for each compressor, budget and prompt.

    Raises:
        GistevalError: For prompts, options or a model that don't fit.
    """
    ids = None if token_ids is None else read_token_ids(token_ids)
    _check_prompts(prompts, ids, attention)
    checkpoint = checkpoint_of(config, needs_tokenizer=ids is None)
    methods = methods_of(config, checkpoint, as_ids=ids is not None)
    _check_query(methods.values(), query)
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
        _row(model, spec, method, prompt, method.subject(prompt, query or ""), budget)
        for (spec, method), budget in product(methods.items(), budgets or (None,))
        for prompt in prompts
    ]


def _check_query(methods: Iterable[Compressor], query: str | None) -> None:
    for method in methods:
        if not method.reusable and query is None:
            raise GistevalError(f"compressor {method.name} sees the input: give one with --query TEXT")


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
    own = UNCOMPRESSED if as_ids else checkpoint.record.compressor
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


def _row(
    model: PromptModel,
    spec: CompressorSpec,
    method: Compressor,
    prompt: str,
    subject: str,
    budget: Budget | None,
) -> CompressedRow:
    with watched() as parts:
        start = time.perf_counter()
        (compressed,) = method.compress(model, [subject], budget)
        seconds = time.perf_counter() - start
    row = CompressedRow(
        prompt,
        str(spec),
        None if budget is None else str(budget),
        **asdict(compressed.accounting),
        seconds=seconds,
        seconds_by_part=with_pass(parts, seconds),
        reusable=method.reusable,
    )
    (ids,) = method.prompts(model, [subject])
    if isinstance(compressed, Tokens):
        return replace(row, token_ids=compressed.token_ids, tokens=_texts(model, compressed.token_ids))
    if isinstance(compressed, Prefix | PackedPrefix) and not method.learns_slots:
        prefix = compressed if isinstance(compressed, Prefix) else compressed.unpacked()
        return _with_kept(row, model, method, subject, ids, prefix)
    if isinstance(compressed, Prefix | PackedPrefix | EncoderState):
        return replace(row, slots=compressed.slots)
    return row


def _with_kept(
    row: CompressedRow,
    model: PromptModel,
    method: Compressor,
    subject: str,
    ids: Sequence[int],
    prefix: Prefix,
) -> CompressedRow:
    """Add what a prefix keeps of its prompt."""
    # Heads may keep different numbers of slots: what stays empty in their buffers is no slot.
    positions = [
        [head[head >= 0].cpu() for head in prefix.positions(layer)] for layer in range(len(prefix.layers))
    ]
    counts = torch.bincount(torch.cat([head for layer in positions for head in layer]), minlength=len(ids))
    heads = sum(map(len, positions))
    layers = [KeptStates(tuple(tuple(head.tolist()) for head in layer)) for layer in positions]
    if isinstance(method, Eviction) and isinstance(model, DecoderModel):
        of_layers = zip(layers, positions, method.layer_scores(model, subject), strict=True)
        layers = [
            replace(
                layer,
                scores=tuple(_finite(own[head].tolist()) for own, head in zip(scores, kept, strict=True)),
            )
            for layer, kept, scores in of_layers
        ]
    return replace(
        row,
        slots=prefix.slots,
        tokens=_texts(model, ids),
        shares=tuple(float(f"{count / heads:.6g}") for count in counts.tolist()),
        layers=tuple(layers),
    )


def _finite(values: Sequence[float]) -> tuple[float | None, ...]:
    return tuple(value if math.isfinite(value) else None for value in values)


def _texts(model: PromptModel, ids: Sequence[int]) -> tuple[str, ...]:
    return tuple(str(model.tokens.tokenizer.decode([number])) for number in ids)
