"""How a compressor's cached form can be checked against an uncached pass.

A compressor names one of these for each batch of compressed prompts, and the self-check runs it before
anything is evaluated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gisteval.masks import MaskRule
from gisteval.models.running.compressed import CompressedPrompt, Selection
from gisteval.records.budget import Budget

if TYPE_CHECKING:
    from gisteval.compressors.base import Compressor


@dataclass(frozen=True, slots=True)
class MaskedRule:
    """An uncached pass over whole prompts in which the rule hides what was dropped.

    prompts: token ids with gists, a row each.
    """

    prompts: Sequence[Sequence[int]]
    rule: MaskRule


@dataclass(frozen=True, slots=True)
class MaskedSelection:
    """An uncached pass over whole prompts in which each layer and head sees only the slots it kept.

    prompts: token ids, a row each.
    kept: `kept[row][layer]` is a LongTensor (kv heads, slots) of indices among that row's own tokens,
        0 for the first and -1 for none. What follows the prompt sees those and itself.
    """

    prompts: Sequence[Sequence[int]]
    kept: Selection


@dataclass(frozen=True, slots=True)
class Rerun:
    """The kept tokens run uncached as an ordinary prompt. tokens: ids, a row each."""

    tokens: Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class Identity:
    """Under a budget that keeps everything the result equals the whole prompt."""

    budget: Budget


@dataclass(frozen=True, slots=True)
class Stored:
    """States are stored in another form, and that form reads as it should.

    Two comparisons are made. Before they are stored, the states have the proof of the compressor that made
    them: the cached path behind them equals its uncached pass. As they are stored, the path that a run
    takes gives the losses of `expected`, to the last digits, as both sides compute with the same numbers.
    That fails where the stored form is of another prompt, layer or head, where numbers are packed in
    another order than they are unpacked, where groups run along another dimension, or where a scale or a
    minimum is lost. It can't tell whether the rule of rounding is a good one: both sides follow it.

    before: the compressor whose states are stored.
    expected: what the stored form must read as, computed from the states without packing them.
    """

    before: Compressor
    expected: Sequence[CompressedPrompt]


Proof = MaskedRule | MaskedSelection | Rerun | Identity | Stored
