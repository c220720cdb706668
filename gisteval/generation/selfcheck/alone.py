"""Whether a prompt that is compressed by itself keeps what it keeps in a batch.

A mask over whole prompts shows it for compressors that a rule describes. What others keep comes out of the
compression itself, and so does their proof, which would hold for a wrong choice as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor

from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import CompressedPrompt, Prefix, Tokens

SELECTION_LIMIT = 0.25
"""Share of a prompt's slots that near-tied scores may exchange for others, as rounding moves them."""

Pairs = Sequence[tuple[CompressedPrompt, CompressedPrompt]]
"""Prompts compressed in a batch, each with its form compressed alone."""


def selection_difference(pairs: Pairs) -> float | None:
    """The largest share of a prompt's slots that differ if it is compressed alone.

    None if no prompt says which of its slots were kept.
    """
    shares = [share for pair in pairs if (share := _share(*pair)) is not None]
    return max(shares, default=None)


def _share(together: CompressedPrompt, alone: CompressedPrompt) -> float | None:
    if isinstance(together, Tokens) and isinstance(alone, Tokens):
        same = min(together.accounting.kept_template, alone.accounting.kept_template)
        return _exchanged(Counter(together.token_ids), Counter(alone.token_ids), same)
    if isinstance(together, Prefix) and isinstance(alone, Prefix) and together.kept and alone.kept:
        return _exchanged(_slots(together.kept), _slots(alone.kept))
    return None


def _slots(kept_slots: Sequence[Tensor]) -> Counter[object]:
    """Every slot by its layer, head and index."""
    return Counter(
        (layer, head, slot)
        for layer, heads in enumerate(kept_slots)
        for head, slots in enumerate(heads.tolist())
        for slot in slots
        if slot >= 0
    )


def _exchanged(together: Counter[object], alone: Counter[object], same: int = 0) -> float:
    """Share of the larger one that the other lacks. `same`: how many are the template's, in both."""
    most = max(together.total(), alone.total()) - same
    return 1 - ((together & alone).total() - same) / most if most else 0.0


def loss_differences(
    model: PromptModel, pairs: Pairs, inputs: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]
) -> list[Tensor]:
    """How far each target's losses behind both forms of its prompt differ, in nats, (tokens,) a row."""
    together = model.run([pair[0] for pair in pairs], inputs).nll(targets)
    alone = [
        model.run([prompt], [text]).nll([target])[0]
        for (_, prompt), text, target in zip(pairs, inputs, targets, strict=True)
    ]
    return [torch.abs(in_batch - by_itself) for in_batch, by_itself in zip(together, alone, strict=True)]
