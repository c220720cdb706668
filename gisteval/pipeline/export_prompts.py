"""`gisteval export-prompts`: what a system outside needs to read to shorten a task's instructions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from gisteval.config import RunConfig
from gisteval.errors import GistevalError
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.models.checkpoints.loading import load_tokens, resolve
from gisteval.models.text.tokens import PromptTokenizer
from gisteval.records.budget import parse_budgets
from gisteval.records.choosing import choose
from gisteval.records.json_object import OPTIONAL, JsonObject
from gisteval.records.store import write_atomic
from gisteval.tasks import load_task


@dataclass(frozen=True)
class PromptRow(JsonObject):
    """An instruction that somebody is to shorten.

    Attributes:
        text: The shortened instruction, empty at first.
        splits: The splits that the instruction is in.
        budget: The budget, if one is asked for.
        tokens: Tokens of the instruction, if a model is given.
        keep: How many of them the budget allows.
    """

    instruction: str
    text: str
    splits: tuple[str, ...]
    budget: str | None = field(default=None, metadata=OPTIONAL)
    tokens: int | None = field(default=None, metadata=OPTIONAL)
    keep: int | None = field(default=None, metadata=OPTIONAL)


def export_prompts(config: RunConfig, output: Path | None) -> list[PromptRow]:
    """The distinct instructions of a task's splits, a row for each budget.

    Args:
        config: Task, splits, limit, budgets, and at most one model.
        output: Where the rows are written as JSON Lines; None writes nothing.

    Raises:
        GistevalError: The file is already there, since somebody may have filled it in.
    """
    if output is not None and output.exists():
        raise GistevalError(f"{output} is already there, maybe with texts filled in: give another --output")
    if len(config.models) > 1:
        raise GistevalError("export-prompts counts tokens with one tokenizer: give one --model")
    budgets = parse_budgets(config.budgets) or (None,)
    tokens = _tokens(config) if config.models else None
    rows = []
    for instruction, splits in _instructions(config).items():
        length = None if tokens is None else _length(tokens, instruction)
        for budget in budgets:
            row = PromptRow(instruction, "", tuple(splits), None if budget is None else str(budget))
            if length is not None:
                keep = length if budget is None else min(budget.of(length), length)
                row = replace(row, tokens=length, keep=keep)
            rows.append(row)
    if output is not None:
        write_atomic(output, f"{as_lines(rows)}\n")
    return rows


def as_lines(rows: Sequence[PromptRow]) -> str:
    """Rows as JSON Lines."""
    return "\n".join(json.dumps(row.to_json(), ensure_ascii=False) for row in rows)


def _instructions(config: RunConfig) -> dict[str, Sequence[str]]:
    """The splits of each distinct instruction, in the order of the task."""
    task = load_task(config.task, data_dir=Path(config.data_dir) if config.data_dir else None)
    found: dict[str, list[str]] = {}
    for split in config.splits or tuple(task.evaluation_splits):
        for example in choose(task.examples(split), config.limit, config.choose, config.seed):
            splits = found.setdefault(example.instruction, [])
            if split not in splits:
                splits.append(split)
    return dict(found)


def _tokens(config: RunConfig) -> PromptTokenizer:
    (model,) = config.models
    path = resolve(model, config.allow_pickle)
    return load_tokens(inspect_checkpoint(path, chat_template=config.chat_template))


def _length(tokens: PromptTokenizer, instruction: str) -> int:
    """Tokens of an instruction, without those of its template."""
    (ids,) = tokens.prompts([instruction])
    return len(ids) - sum(tokens.template_ends(ids))
