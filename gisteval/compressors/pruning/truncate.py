"""Truncation: keep the first tokens of the instruction, the simplest baseline of any token pruning."""

from __future__ import annotations

from collections.abc import Sequence

from gisteval.compressors.base import Compressor, Footprint, Source
from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import Accounting, CompressedPrompt, Tokens


class Truncate(Compressor):
    """Keeps the instruction's first `budget` tokens (8 unless told) in its template.

    They run as an ordinary, shorter prompt.
    """

    name = "truncate"
    reads_as = None
    takes_budget = True
    version = 2  # the template's tokens no longer count
    default_budget = 8

    def compress(
        self, model: PromptModel, instructions: Sequence[str], budget: int | None
    ) -> list[CompressedPrompt]:
        """An instruction shorter than the budget stays whole; gist tokens are not used."""
        most = self.default_budget if budget is None else budget
        compressed: list[CompressedPrompt] = []
        for ids in model.tokens.prompts(instructions):
            head, tail = model.tokens.template_ends(ids)
            template = head + tail
            left = min(most, len(ids) - template)
            kept = (*ids[: head + left], *ids[len(ids) - tail :])
            size = 4 * len(kept)
            accounting = Accounting(len(ids), template, len(kept), size, template, left)
            compressed.append(Tokens(kept, accounting))
        return compressed

    def positions(self, model: PromptModel, instructions: Sequence[str], budget: int | None) -> list[int]:
        """Only what is kept is ever run."""
        return [prompt.accounting.kept for prompt in self.compress(model, instructions, budget)]

    def footprint(self, source: Source, budget: int | None) -> Footprint:
        """The tokens that are left run again at each use."""
        most = self.default_budget if budget is None else budget
        left = min(source.template + most, source.tokens)
        return Footprint(0, 0, left, left)
