"""Training rows: one instruction with its gist tokens and several continuations.

The continuations of a row don't see each other.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypedDict

import torch
from torch import Tensor
from torch.utils.data import Dataset

from gisteval import masks
from gisteval.masks import CONTINUATION, GIST, PAD, PROMPT, MaskRule
from gisteval.models.text.cutting import cut, with_gists
from gisteval.models.text.tokens import PromptTokenizer
from gisteval.records.schema import Example

IGNORED = -100
"""Label of positions that don't count in the loss, as in transformers."""

WHOLE = MaskRule("gist")
"""Prompts as they are, in one segment."""


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """Token ids of one training row.

    Attributes:
        prompt: The prompt, gist tokens included.
        pairs: The prompt's (continuation, target) pairs.
        segments: Tokens of each of the prompt's segments, without their gist tokens. Empty for one segment.
    """

    prompt: tuple[int, ...]
    pairs: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]
    segments: tuple[int, ...] = ()

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self.prompt) + sum(len(x) + len(y) for x, y in self.pairs)

    def roles(self, k: int) -> list[int]:
        """The role (see `masks`) of each token, with k gist tokens behind each segment."""
        roles = []
        for tokens in self.segments or (len(self.prompt) - k,):
            roles += [PROMPT] * tokens + [GIST] * k
        for number, (x, y) in enumerate(self.pairs):
            roles += [CONTINUATION + number] * (len(x) + len(y))
        return roles

    def last_position(self, rule: MaskRule, k: int) -> int:
        """The largest position id. All continuations start at the same position."""
        if rule.segments is None:
            return len(self.prompt) + max(len(x) + len(y) for x, y in self.pairs) - 1
        return int(masks.token_positions(torch.tensor([self.roles(k)]), rule).max())


class TrainingRows(Dataset[TrainingRow]):
    """A dataset of training rows in memory."""

    def __init__(self, rows: Sequence[TrainingRow]) -> None:
        """Make a dataset of these rows."""
        self.rows = rows

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def __getitem__(self, index: int) -> TrainingRow:
        """Return one row."""
        return self.rows[index]


def build_rows(
    examples: Iterable[Example],
    tokens: PromptTokenizer,
    pack: int,
    max_length: int,
    context: int = sys.maxsize,
    rule: MaskRule = WHOLE,
) -> tuple[list[TrainingRow], int]:
    """Pack neighbouring examples of one instruction into rows.

    Args:
        examples: Training examples.
        tokens: The tokenizer with its template and gist tokens.
        pack: Most continuations in a row.
        max_length: Longest row, in tokens.
        context: Longest prompt with one of its continuations, in tokens.
        rule: The mask of the condition, which says where prompts are cut.

    Returns:
        The rows, and the number of examples that are too long.
    """
    rows, too_long = [], 0
    for instruction, group in groupby(examples, key=lambda example: example.instruction):
        members = list(group)
        ids = tokens.prompts([instruction])[0]
        parts = [ids] if rule.segments is None else cut(tokens, ids, rule.segments)
        prompt, lengths = tuple(with_gists(tokens, parts)), tuple(map(len, parts))
        xs = tokens.continuations([example.input for example in members])
        ys = tokens.targets([example.output for example in members])
        pairs = [(tuple(x), tuple(y)) for x, y in zip(xs, ys, strict=True)]
        for start in range(0, len(pairs), pack):
            row = TrainingRow(prompt, tuple(pairs[start : start + pack]), lengths)
            if len(row) <= max_length and row.last_position(rule, tokens.k) < context:
                rows.append(row)
            else:
                too_long += len(row.pairs)
    return rows, too_long


@dataclass(frozen=True)
class Collator:
    """Turns rows into the arguments of a stock decoder-only model.

    Attributes:
        rule: The mask of the condition.
        k: Number of gist tokens at the end of each prompt, or of each of its segments.
        num_heads: Number of attention heads.
    """

    rule: MaskRule
    k: int
    num_heads: int

    def __call__(self, rows: Sequence[TrainingRow]) -> dict[str, Tensor]:
        """Collate rows, padded on the right. All continuations of a prompt start at the same position.

        Returns:
            input_ids, position_ids and labels (rows, length), and attention_mask
            (rows, heads or 1, length, length), which is additive.
        """
        size = (len(rows), max(len(row) for row in rows))
        ids = torch.zeros(size, dtype=torch.long)
        roles, labels = torch.full(size, PAD), torch.full(size, IGNORED)
        for index, row in enumerate(rows):
            end = len(row.prompt)
            ids[index, :end] = torch.tensor(row.prompt)
            roles[index, : len(row)] = torch.tensor(row.roles(self.k))
            for x, y in row.pairs:
                start, end = end, end + len(x) + len(y)
                ids[index, start:end] = torch.tensor(x + y)
                labels[index, start + len(x) : end] = torch.tensor(y)
        mask = masks.head_masks(roles, self.rule, self.num_heads)
        return {
            "input_ids": ids,
            "attention_mask": masks.additive(mask, torch.float32),
            "position_ids": masks.token_positions(roles, self.rule),
            "labels": labels,
        }


class LogEntry(TypedDict, total=False):
    """An entry of the trainer's log, which has a loss or, at a saved step, what gists are like."""

    step: int
    loss: float
    gist_norm: float
    gist_entropy: float


def loss_history(log: Sequence[LogEntry]) -> list[tuple[int, float]]:
    """Return pairs of step and training loss, in nats a token, from the trainer's log."""
    return [(int(entry["step"]), float(entry["loss"])) for entry in log if "loss" in entry]
