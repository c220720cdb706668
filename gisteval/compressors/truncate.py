"""Truncation: keep the first tokens of the prompt, the simplest baseline of any token pruning."""

from __future__ import annotations

from collections.abc import Sequence

from gisteval.compressors.base import Compressor, Footprint, Source
from gisteval.models.base import PromptModel
from gisteval.models.compressed import Accounting, CompressedPrompt, Tokens


class Truncate(Compressor):
    """Keeps the first `budget` tokens (8 unless told) and runs them as an ordinary, shorter prompt."""

    name = "truncate"
    reads_as = None
    default_budget = 8

    def compress(
        self, model: PromptModel, instructions: Sequence[str], budget: int | None
    ) -> list[CompressedPrompt]:
        """A prompt shorter than the budget stays whole; gist tokens are not used."""
        keep = self.default_budget if budget is None else budget
        compressed: list[CompressedPrompt] = []
        for ids in model.tokens.prompts(instructions):
            kept = tuple(ids[:keep])
            size = 4 * len(kept)
            accounting = Accounting(len(ids), model.tokens.template_tokens, len(kept), size)
            compressed.append(Tokens(kept, accounting))
        return compressed

    def footprint(self, source: Source, budget: int | None) -> Footprint:
        """The tokens that are left run again at each use."""
        return Footprint(0, 0, min(self.default_budget if budget is None else budget, source.tokens))
