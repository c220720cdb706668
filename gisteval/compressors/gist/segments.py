"""Gist tokens behind each segment of a prompt, in place of behind the prompt alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isqrt
from typing import ClassVar

import torch

from gisteval.compressors.base import Compressor, Footprint, Source
from gisteval.compressors.gist.spans import Piece, Segmented, gist_prefixes
from gisteval.compressors.proof import MaskedRule
from gisteval.errors import GistevalError
from gisteval.masks import CONTINUATION, MaskRule, token_positions
from gisteval.models.running.architecture import ArchitectureName
from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import Accounting, CompressedPrompt, Prefix
from gisteval.models.text.cutting import cut, with_gists
from gisteval.records.budget import Budget
from gisteval.segmentation import BY_TEXT, Segmentation


@dataclass(frozen=True)
class SegmentGists(Compressor):
    """Keeps the k slots of each segment, or of the last one. Settings are those of `Segmentation`."""

    name = "segments"
    source = "arXiv 2305.14788 (AutoCompressors), 2207.06881 (recurrent memory), 2504.08934 (GistPool)"
    reads = "own"
    needs_gists = True
    architectures: ClassVar[frozenset[ArchitectureName]] = frozenset(("decoder-only",))

    length: str = "32"
    sees: str = "gists"
    numbering: str = "original"

    def __post_init__(self) -> None:
        """Check the settings. Raises GistevalError."""
        try:
            _ = self.segmentation
        except GistevalError as error:
            raise GistevalError(f"compressor {self.name}: {error}") from error

    @property
    def segmentation(self) -> Segmentation:
        """The settings as the mask's rule has them."""
        return Segmentation(self.length, self.sees, self.numbering)  # type: ignore[arg-type]

    def compress(
        self, model: PromptModel, instructions: Sequence[str], budget: Budget | None
    ) -> list[CompressedPrompt]:
        """Run segment by segment behind what each sees, so that no whole prompt has to fit.

        Raises:
            GistevalError: The model has no gist tokens, or a position is beyond the context.
        """
        if not model.tokens.k:
            raise GistevalError(f"compressor {self.name} needs k >= 1: this model has no gist tokens")
        prefixes = gist_prefixes(model, self._segmented(model, instructions), self.segmentation.sees)
        whole = self.prompts(model, instructions)
        return [
            replace(prefix, accounting=_accounted(model.account(prompt, 0, 0), prefix))
            for prefix, prompt in zip(prefixes, whole, strict=True)
        ]

    def proof(
        self,
        model: PromptModel,
        instructions: Sequence[str],
        budget: Budget | None,
        compressed: Sequence[CompressedPrompt],
    ) -> MaskedRule:
        """Whole prompts in one pass, under the mask that they are trained with."""
        return MaskedRule(self.prompts(model, instructions), self._rule)

    def prompts(self, model: PromptModel, instructions: Sequence[str]) -> list[list[int]]:
        """Token ids of the prompts with the gist tokens of each segment."""
        return [with_gists(model.tokens, segments) for segments in self._cut(model, instructions)]

    def positions(
        self, model: PromptModel, instructions: Sequence[str], budget: Budget | None
    ) -> list[int]:
        """The largest position of a prompt, and one more."""
        segmented = self._segmented(model, instructions)
        return [max(prompt.behind, *(piece.end for piece in prompt.pieces)) for prompt in segmented]

    def footprint(self, source: Source, budget: Budget | None) -> Footprint:
        """Each segment is run once with its gist tokens. Sentences and lines are taken to be equally long.

        Their positions are the fewest that any cut takes up, so that no prompt that fits is called too
        long: n segments take up n k + k + tokens / n, which is at least k + 2 sqrt(tokens k).
        """
        count = self.segmentation.count(source.tokens)
        gists = count * source.k
        kept = source.k if self.sees == "last" else gists
        whole = source.tokens + gists
        positions = source.tokens if self.sees == "tokens" else whole
        if self.numbering == "slots":
            positions = kept + source.k + -(-source.tokens // count)
        if self.length in BY_TEXT and self.sees != "tokens":
            positions = source.tokens + source.k
            if self.numbering == "slots":
                least = source.k + 1 if self.sees == "last" else 2 * isqrt(source.tokens * source.k)
                positions = source.k + least
        return Footprint(whole, kept, 0, positions)

    @property
    def _rule(self) -> MaskRule:
        return MaskRule("gist", segments=self.segmentation)

    def _cut(self, model: PromptModel, instructions: Sequence[str]) -> list[list[list[int]]]:
        prompts = model.tokens.prompts(instructions)
        return [cut(model.tokens, prompt, self.segmentation) for prompt in prompts]

    def _segmented(self, model: PromptModel, instructions: Sequence[str]) -> list[Segmented]:
        """The segments of each prompt with the positions that the mask's rule gives them."""
        found = []
        for segments in self._cut(model, instructions):
            prompt = with_gists(model.tokens, segments)
            roles = torch.tensor([[*model.prompt_roles(prompt), CONTINUATION]])
            places = token_positions(roles, self._rule)[0].tolist()
            pieces, start = [], 0
            for segment in segments:
                gists = start + len(segment)
                pieces.append(Piece(tuple(segment), places[start], places[gists]))
                start = gists + model.tokens.k
            found.append(Segmented(tuple(pieces), places[-1]))
        return found


def _accounted(prompt: Accounting, prefix: Prefix) -> Accounting:
    """Accounting of a whole prompt of which the prefix stays, as many slots as were asked for."""
    slots = prefix.slots
    return replace(prompt, kept=slots, bytes=prefix.accounting.bytes, asked=slots)
