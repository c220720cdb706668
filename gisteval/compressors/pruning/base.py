"""What pruning shares: a shorter instruction in its template, which runs again as an ordinary prompt."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from gisteval.compressors.base import Compressor, Footprint, Source
from gisteval.compressors.proof import MaskedSelection, Proof, Rerun
from gisteval.compressors.pruning.passage import Part, Passage, read_passage
from gisteval.errors import GistevalError
from gisteval.models.running.architecture import DECODER, ArchitectureName
from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import Accounting, CompressedPrompt, Prefix, Tokens
from gisteval.models.running.observe import LayerView
from gisteval.records.budget import Budget

UNITS = ("words", "tokens")
FORMS = ("tokens", "slots")


@dataclass(frozen=True)
class Pruning(Compressor):
    """Keeps the template and fewer tokens in place of the instruction's.

    A budget counts tokens of the instruction; the template stays on top of it. What is kept runs as an
    ordinary, shorter prompt, which is the proof.
    """

    takes_budget = True
    keeps_states = False
    default_budget: ClassVar[Budget] = Budget(share=0.5)

    @abstractmethod
    def shorten(
        self, model: PromptModel, instruction: str, tokens: Sequence[int], budget: Budget | None
    ) -> Sequence[int]:
        """Shorten one instruction.

        Args:
            model: The model under evaluation.
            instruction: Its text without template.
            tokens: Token ids of its prompt, template included and gists not.
            budget: As `compress` takes it.

        Returns:
            Token ids of the shorter prompt, template included.
        """

    def compress(
        self, model: PromptModel, instructions: Sequence[str], budget: Budget | None
    ) -> list[CompressedPrompt]:
        """Shorten each instruction on its own; gist tokens are not used."""
        compressed: list[CompressedPrompt] = []
        for instruction, ids in zip(instructions, model.tokens.prompts(instructions), strict=True):
            template = sum(model.tokens.template_ends(ids))
            kept = tuple(self.shorten(model, instruction, ids, budget))
            asked = self.asked(len(ids) - template, budget)
            stays = sum(model.tokens.template_ends(kept))
            accounting = Accounting(len(ids), template, len(kept), 4 * len(kept), stays, asked)
            compressed.append(Tokens(kept, accounting))
        return compressed

    def asked(self, tokens: int, budget: Budget | None) -> int | None:
        """How many of an instruction's tokens may stay; None where the compressor itself decides."""
        return min((budget or self.default_budget).of(tokens), tokens)

    def proof(
        self,
        model: PromptModel,
        instructions: Sequence[str],
        budget: Budget | None,
        compressed: Sequence[CompressedPrompt],
    ) -> Proof:
        """The tokens that are left, as a prompt of their own."""
        return Rerun([prompt.token_ids for prompt in compressed if isinstance(prompt, Tokens)])

    def positions(
        self, model: PromptModel, instructions: Sequence[str], budget: Budget | None
    ) -> list[int]:
        """Only what is kept is ever run."""
        return [prompt.accounting.kept for prompt in self.compress(model, instructions, budget)]

    def footprint(self, source: Source, budget: Budget | None) -> Footprint:
        """The tokens that are left run again at each use."""
        left = self.asked(source.instruction, budget)
        left = source.instruction if left is None else left
        return Footprint(0, 0, source.template + left, source.template + left)


@dataclass(frozen=True)
class Ranked(Pruning):
    """Keeps the words or tokens with the highest scores, in their order.

    The best come first while they fit into the budget; a word that doesn't fit is passed over for
    shorter ones. Where not even one word fits, the best one's first tokens are kept. A compressor that
    decides for itself how much it keeps (see `asked`) keeps what scores above 0.

    Attributes:
        unit: "words" keeps or drops whole words, "tokens" each token for itself.
        form: "tokens" run again as a shorter prompt. "slots" are the states that a decoder had of them in
            the whole prompt, whose gists stay as the template does; they keep their positions.
    """

    unit: str = "words"
    form: str = "tokens"

    def __post_init__(self) -> None:
        """Raise GistevalError for a unit or a form that is none."""
        for setting, known in (("unit", UNITS), ("form", FORMS)):
            if (value := getattr(self, setting)) not in known:
                raise GistevalError(
                    f"compressor {self.name}: {setting} must be {' or '.join(known)}, not {value!r}"
                )
        object.__setattr__(self, "keeps_states", self.form == "slots")

    def check_architecture(self, kind: ArchitectureName, where: str) -> None:
        """Slots are a decoder's alone."""
        super().check_architecture(kind, where)
        if self.form == "slots" and kind != DECODER.name:
            raise GistevalError(
                f"compressor {self.name}: form=slots can't serve {where}, a model of the kind {kind}: it "
                f"is for {DECODER.name} models"
            )

    @abstractmethod
    def score(self, model: PromptModel, passage: Passage, parts: Sequence[Part]) -> Sequence[float]:
        """Score the words or tokens of an instruction, the highest are kept; of equals the first ones.

        Args:
            model: The model under evaluation.
            passage: The instruction.
            parts: Its words or its tokens, whatever the unit is.
        """

    def compress(
        self, model: PromptModel, instructions: Sequence[str], budget: Budget | None
    ) -> list[CompressedPrompt]:
        """See Pruning. Slots are those of one pass over each whole prompt."""
        if self.form == "tokens":
            return super().compress(model, instructions, budget)
        prompts = self.prompts(model, instructions)
        texts = model.tokens.prompts(instructions)
        places, asked = {}, []
        for instruction, prompt, ids in zip(instructions, prompts, texts, strict=True):
            kept = self.places(model, instruction, ids, budget)
            places[tuple(prompt)] = torch.tensor([*kept, *range(len(ids), len(prompt))])
            asked.append(self.asked(len(ids) - sum(model.tokens.template_ends(ids)), budget))

        def select(view: LayerView) -> list[Tensor]:
            heads = view.keys.shape[1]
            return [places[tuple(prompt)].expand(heads, -1) for prompt in view.prompts]

        return [
            replace(prefix, accounting=replace(prefix.accounting, asked=slots))
            for prefix, slots in zip(model.encode(prompts, select=select), asked, strict=True)
            if isinstance(prefix, Prefix)
        ]

    def proof(
        self,
        model: PromptModel,
        instructions: Sequence[str],
        budget: Budget | None,
        compressed: Sequence[CompressedPrompt],
    ) -> Proof:
        """Of slots, a mask over whole prompts that shows what was kept."""
        if self.form == "tokens":
            return super().proof(model, instructions, budget, compressed)
        kept = [prompt.kept for prompt in compressed if isinstance(prompt, Prefix) and prompt.kept]
        return MaskedSelection(self.prompts(model, instructions), kept)

    def positions(
        self, model: PromptModel, instructions: Sequence[str], budget: Budget | None
    ) -> list[int]:
        """Slots keep the positions that they had in the whole prompt."""
        if self.form == "tokens":
            return super().positions(model, instructions, budget)
        return Compressor.positions(self, model, instructions, budget)

    def footprint(self, source: Source, budget: Budget | None) -> Footprint:
        """Of slots, the whole prompt runs once and nothing runs again."""
        again = super().footprint(source, budget)
        if self.form == "tokens":
            return again
        return Footprint(source.tokens + source.k, again.run_each + source.k, 0)

    def shorten(
        self, model: PromptModel, instruction: str, tokens: Sequence[int], budget: Budget | None
    ) -> list[int]:
        """See Pruning."""
        return [tokens[place] for place in self.places(model, instruction, tokens, budget)]

    def places(
        self, model: PromptModel, instruction: str, tokens: Sequence[int], budget: Budget | None
    ) -> list[int]:
        """Which tokens of a prompt stay, template included; for the arguments see `Pruning.shorten`."""
        passage = read_passage(model.tokens, instruction, tokens)
        parts = passage.words if self.unit == "words" else passage.tokens
        scores = self.score(model, passage, parts)
        best = sorted(zip(scores, parts, strict=True), key=lambda pair: -pair[0])
        room = self.asked(len(passage.tokens), budget)
        if room is None:
            room = len(passage.tokens)
            best = [pair for pair in best if pair[0] > 0] or best
        return passage.places(len(tokens), fill([part for _, part in best], room))


def fill(parts: Sequence[Part], room: int) -> set[int]:
    """Places of the parts that fit into so many tokens, best first; at least some of the best one."""
    kept: set[int] = set()
    for part in parts:
        if len(kept) + len(part.places) <= room:
            kept.update(part.places)
    return kept or set(parts[0].places[:room] if parts else ())
