"""Slots that are learnt for one instruction: what so many slots can carry at best (arXiv 2101.00190)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from gisteval.compressors.base import Compressor, Footprint, Passes, Source
from gisteval.compressors.eviction.base import Eviction, kept_slots, setting_at_least
from gisteval.compressors.eviction.keydiff import KeyDiff
from gisteval.compressors.proof import Identity
from gisteval.compressors.study import draw_inputs, inputs_digest
from gisteval.errors import GistevalError
from gisteval.models.running.architecture import ArchitectureName
from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import CompressedPrompt, Prefix
from gisteval.models.running.decoder import DecoderModel
from gisteval.models.running.learning import LEARNT, learn, make_lesson
from gisteval.models.running.phases import phase
from gisteval.records.budget import Budget

WHOLE = Budget(share=1.0)


@dataclass(frozen=True)
class Soft(Compressor):
    """Keeps slots learnt by gradient from the model's own answers behind the whole prompt.

    They begin as the slots that KeyDiff keeps. The model goes on behind the whole prompt by chance, and the
    slots learn to give the same probabilities there. The best slots along the way are kept, so with a
    budget that keeps everything they stay what they were.

    Attributes:
        steps: of the optimiser.
        lr: its rate at the first step.
        learn: "states" learns keys and values, "values" those alone.
        rows: own answers that are learnt from.
        tokens: of each, with the input before it.
        task: whose training inputs stand before the answers; empty, the model makes up its own.
        seed: another seed draws other answers.
    """

    name = "soft"
    source = "prefix tuning, arXiv 2101.00190, by self-study as in Cartridges, arXiv 2506.06266"
    takes_budget = True
    architectures: ClassVar[frozenset[ArchitectureName]] = frozenset(("decoder-only",))
    learns_slots = True
    steps: int = 50
    lr: float = 0.05
    learn: str = "states"
    rows: int = 8
    tokens: int = 24
    task: str = ""
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the settings."""
        for name, least in (("steps", 1), ("rows", 1), ("tokens", 2)):
            setting_at_least(self, name, least)
        if self.learn not in LEARNT:
            known = " or ".join(LEARNT)
            raise GistevalError(f"compressor {self.name}: learn must be {known}, not {self.learn!r}")
        if not self.lr > 0:
            raise GistevalError(f"compressor {self.name}: lr must be above 0, not {self.lr:g}")

    def compress(
        self, model: PromptModel, instructions: Sequence[str], budget: Budget | None
    ) -> list[CompressedPrompt]:
        """Learn the slots of one instruction after the other."""
        return [self._learnt(model, text, budget) for text in instructions]

    def _learnt(self, model: PromptModel, text: str, budget: Budget | None) -> Prefix:
        assert isinstance(model, DecoderModel)
        (start,) = KeyDiff().compress(model, [text], budget)
        assert isinstance(start, Prefix)
        (prompt,) = self.prompts(model, [text])
        content = f"{self.seed} {' '.join(map(str, prompt))}"
        seed = int.from_bytes(hashlib.sha256(content.encode()).digest()[:7])
        with phase("learning", model.device):
            inputs: list[list[int]] = [[]] * self.rows
            if self.task:
                inputs = draw_inputs(model, self.task, self.rows, self.tokens, seed)
            generator = torch.Generator().manual_seed(seed)
            lesson = make_lesson(model, prompt, inputs, self.tokens, generator)
            found, _ = learn(model, start, lesson, self.learn, self.steps, self.lr)
        # A learnt slot is no longer a token of the template.
        whole = start.slots == len(prompt)
        template = start.accounting.kept_template if whole else 0
        return replace(found, accounting=replace(start.accounting, kept_template=template))

    def proof(
        self,
        model: PromptModel,
        instructions: Sequence[str],
        budget: Budget | None,
        compressed: Sequence[CompressedPrompt],
    ) -> Identity:
        """The whole prompt diverges least from itself, so whatever is learnt, it is what is kept."""
        return Identity(WHOLE)

    def helper_digests(self) -> Mapping[str, str]:
        """The training inputs decide what is learnt."""
        return {"inputs": inputs_digest(self.task)} if self.task else {}

    def footprint(self, source: Source, budget: Budget | None) -> Footprint:
        """The prompt runs three times, and its answers once a step, forwards and backwards."""
        whole = source.tokens + source.k
        slots = kept_slots(budget or Eviction.default_budget, source.instruction, whole)
        learning = Passes(self.rows * (2 * self.steps + 1), self.tokens, slots)
        return Footprint(whole, slots, 0, passes=(learning, Passes(2 * self.rows, self.tokens, whole)))
