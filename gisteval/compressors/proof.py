"""How a compressor's cached form can be checked against an uncached pass.

A compressor names one of these for each batch of compressed prompts, and the self-check runs it before
anything is evaluated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gisteval.masks import MaskRule
from gisteval.models.running.compressed import Selection
from gisteval.records.budget import Budget


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
        0 for the first. What follows the prompt sees those and itself.
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


Proof = MaskedRule | MaskedSelection | Rerun | Identity
