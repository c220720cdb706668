"""Gist tokens: keep the states of the k tokens that follow the instruction (arXiv 2304.08467)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gisteval.compressors.base import Compressor, Footprint, Source
from gisteval.errors import GistevalError
from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import CompressedPrompt


class Gist(Compressor):
    """Keeps k slots; a checkpoint trained with a leak window keeps that many more before them."""

    name = "gist"
    reads_as = "gist"
    takes_budget = True

    def compress(
        self, model: PromptModel, instructions: Sequence[str], budget: int | None
    ) -> list[CompressedPrompt]:
        """budget: slots to keep, k and the prompt tokens right before; None for what was trained.

        Tokens before the gists are the leak window of a training, which knows no template: those of
        them that are the template's are counted apart afterwards.

        Raises GistevalError if the model has no gist tokens, or more than the budget.
        """
        k = model.tokens.k
        if k == 0:
            raise GistevalError("compressor gist needs k >= 1: this model has no gist tokens")
        if budget is not None and budget < k:
            raise GistevalError(f"compressor gist needs a budget of at least k = {k}, not {budget}")
        keep = k + model.leak_window if budget is None else budget
        return [_asked(found, keep) for found in model.encode(self.prompts(model, instructions), keep)]

    def footprint(self, source: Source, budget: int | None) -> Footprint:
        """The prompt with its gists is run once, their slots are kept."""
        return super().footprint(source, source.k + source.leak_window if budget is None else budget)


def _asked(prompt: CompressedPrompt, keep: int) -> CompressedPrompt:
    accounting = prompt.accounting
    return replace(prompt, accounting=replace(accounting, asked=min(keep, accounting.kept)))
