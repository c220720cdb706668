"""Gist tokens: keep the states of the k tokens that follow the instruction (arXiv 2304.08467)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gisteval.compressors.base import Compressor, Footprint, Source
from gisteval.compressors.proof import MaskedRule
from gisteval.errors import GistevalError
from gisteval.masks import MaskRule
from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import CompressedPrompt
from gisteval.records.budget import Budget


@dataclass(frozen=True)
class Gist(Compressor):
    """Keeps k slots; a checkpoint trained with a leak window keeps that many more before them."""

    name = "gist"
    source = "Mu et al., arXiv 2304.08467"
    reads = "own"
    needs_gists = True
    takes_budget = True

    def compress(
        self, model: PromptModel, instructions: Sequence[str], budget: Budget | None
    ) -> list[CompressedPrompt]:
        """Keep the gists.

        Tokens before the gists are the leak window of a training, which knows no template. Those of them
        that are the template's are counted apart afterwards.

        Args:
            model: Has the gist tokens.
            instructions: Texts without template.
            budget: Slots to keep, k and the prompt tokens right before. None for what was trained.

        Raises:
            GistevalError: The model has no gist tokens, or more than the budget, or that is a share.
        """
        check_slots(budget, model.tokens.k, "this model")
        keep = model.tokens.k + self._leaked(model, budget)
        encoded = model.encode(self.prompts(model, instructions), keep)
        return [_with_asked(prompt, keep) for prompt in encoded]

    def proof(
        self,
        model: PromptModel,
        instructions: Sequence[str],
        budget: Budget | None,
        compressed: Sequence[CompressedPrompt],
    ) -> MaskedRule:
        """Whole prompts of which the gists are visible, and what leaks beside them."""
        rule = MaskRule("gist", self._leaked(model, budget))
        return MaskedRule(self.prompts(model, instructions), rule)

    def footprint(self, source: Source, budget: Budget | None) -> Footprint:
        """The prompt with its gists is run once, their slots are kept."""
        keep = source.k + source.leak_window if budget is None else budget.of(source.instruction)
        whole = source.tokens + source.k
        return Footprint(whole, min(keep, whole), 0)

    def _leaked(self, model: PromptModel, budget: Budget | None) -> int:
        """Prompt tokens that stay beside the gists."""
        if budget is None or budget.slots is None:
            return model.leak_window
        return budget.slots - model.tokens.k


def check_slots(budget: Budget | None, k: int, where: str) -> None:
    """Raise GistevalError if so many gists can't be kept under a budget. where: whose gists they are."""
    if k == 0:
        raise GistevalError(f"compressor gist needs k >= 1: {where} has no gist tokens")
    if budget is not None and (budget.slots is None or budget.slots < k):
        raise GistevalError(
            f"{where}: compressor gist needs a budget of at least k = {k} slots, not {budget}"
        )


def _with_asked(prompt: CompressedPrompt, keep: int) -> CompressedPrompt:
    accounting = prompt.accounting
    return replace(prompt, accounting=replace(accounting, asked=min(keep, accounting.kept)))
