"""Several evictors, or budgets of one or of pooling, served by a single pass over the prompts."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from gisteval.compressors.base import Compressor
from gisteval.compressors.eviction.base import Eviction, with_asked
from gisteval.compressors.pooling import Pool
from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import CompressedPrompt
from gisteval.models.running.decoder import DecoderModel
from gisteval.models.running.observe import LayerView
from gisteval.models.running.phases import phase
from gisteval.models.running.pooled import pooled_prefixes
from gisteval.records.budget import Budget

Sharing = Eviction | Pool
"""Compressors whose passes several systems may share."""


def pass_kind(method: Compressor) -> str | None:
    """Equal for compressors that one plain pass over whole prompts can serve; None for what runs alone."""
    if type(method) is Pool:
        return "pool"
    if not isinstance(method, Eviction):
        return None
    kind = type(method)
    plain = (kind.compress, kind.select, kind.prompts, kind.positions) == (
        Eviction.compress,
        Eviction.select,
        Compressor.prompts,
        Compressor.positions,
    )
    return "eviction" if plain else None


def compress_together(
    model: PromptModel, instructions: Sequence[str], wanted: Sequence[tuple[Sharing, Budget | None]]
) -> list[list[CompressedPrompt]]:
    """Compress instructions in several ways with one pass; a layer is scored once for each evictor.

    Args:
        model: Runs the prompts, a decoder.
        instructions: Texts without template.
        wanted: Compressors of one `pass_kind`, each with a budget.

    Returns:
        For each of `wanted` what its `compress` returns, to the last bit.
    """
    assert isinstance(model, DecoderModel), "evictors serve decoders alone"
    prompts = wanted[0][0].prompts(model, instructions)
    pools = [(method, budget) for method, budget in wanted if isinstance(method, Pool)]
    if pools:
        windows = [method.all_windows(model, prompts, budget) for method, budget in pools]
        return [list(found) for found in pooled_prefixes(model, prompts, windows)]
    return _evicted_together(
        model, prompts, [(m, budget) for m, budget in wanted if isinstance(m, Eviction)]
    )


def _evicted_together(
    model: DecoderModel, prompts: list[list[int]], wanted: Sequence[tuple[Eviction, Budget | None]]
) -> list[list[CompressedPrompt]]:
    slots = [
        {tuple(prompt): method.slots(model, prompt, budget) for prompt in prompts}
        for method, budget in wanted
    ]

    def select(view: LayerView) -> list[list[Tensor]]:
        with phase("scoring", view.keys.device):
            scores = {method: method.score(view) for method in {method for method, _ in wanted}}
        found: dict[int, list[Tensor]] = {}
        for method, known in scores.items():
            numbers = [number for number, (own, _) in enumerate(wanted) if own == method]
            counts = [[slots[number][tuple(prompt)] for number in numbers] for prompt in view.prompts]
            rows = method.select_each(known, view, counts)
            found |= {number: [row[place] for row in rows] for place, number in enumerate(numbers)}
        return [found[number] for number in range(len(wanted))]

    return [
        [with_asked(kept, own[tuple(prompt)]) for kept, prompt in zip(encoded, prompts, strict=True)]
        for encoded, own in zip(model.encode_each(prompts, select, len(wanted)), slots, strict=True)
    ]
