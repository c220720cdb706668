"""What evictors share that see the input: oracles, whose prefixes serve one example and no other."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from gisteval.compressors.eviction.base import Eviction, with_asked
from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import CompressedPrompt
from gisteval.models.running.decoder import DecoderModel
from gisteval.models.running.observe import LayerView
from gisteval.models.running.phases import phase
from gisteval.records.budget import Budget


@dataclass(frozen=True)
class QueryAware(Eviction):
    """Runs the input behind the prompt, and keeps the prompt's slots that matter for that input.

    What it keeps are the prompt's own states, as rotated, so the proof is that of any evictor. It is an
    upper bound and no compressor to serve with: for each input the whole prompt runs again.
    """

    reusable = False

    @abstractmethod
    def score_for(self, view: LayerView, own: int) -> Tensor:
        """Score the slots of a prompt for the input behind it.

        Args:
            view: What the layer attends with, of a single row: the prompt and then the input.
            own: How many tokens are the prompt's.

        Returns:
            (kv heads, own) float.
        """

    def score(self, view: LayerView) -> Tensor:
        """A view without its input can't be scored."""
        raise TypeError(f"compressor {self.name} scores a prompt for an input: see score_for")

    def subject(self, instruction: str, query: str | Sequence[int]) -> str:
        """Instruction and input, as one JSON text."""
        return json.dumps([instruction, query if isinstance(query, str) else list(query)])

    def prompts(self, model: PromptModel, instructions: Sequence[str]) -> list[list[int]]:
        """Token ids of the prompts alone."""
        return super().prompts(model, [json.loads(subject)[0] for subject in instructions])

    def with_inputs(self, model: PromptModel, subjects: Sequence[str]) -> list[list[int]]:
        """Token ids of the prompts with their inputs."""
        queries = [json.loads(subject)[1] for subject in subjects]
        texts = iter(model.tokens.continuations([query for query in queries if isinstance(query, str)]))
        inputs = [next(texts) if isinstance(query, str) else query for query in queries]
        return [[*prompt, *ids] for prompt, ids in zip(self.prompts(model, subjects), inputs, strict=True)]

    def compress(
        self, model: PromptModel, instructions: Sequence[str], budget: Budget | None
    ) -> list[CompressedPrompt]:
        """Run each prompt with its input, and keep slots of the prompt. instructions: see `subject`."""
        assert isinstance(model, DecoderModel), "evictors serve decoders alone"
        prompts, rows = self.prompts(model, instructions), self.with_inputs(model, instructions)
        counts = [self.slots(model, prompt, budget) for prompt in prompts]
        known = {tuple(row): (len(p), n) for row, p, n in zip(rows, prompts, counts, strict=True)}

        def select(view: LayerView) -> list[Tensor]:
            found = []
            for row, ids in enumerate(view.prompts):
                own, count = known[tuple(ids)]
                with phase("scoring", model.device):
                    scores = self.score_for(view.alone(row), own)
                found.append(self.choose(scores, count))
            return found

        compressed: list[CompressedPrompt] = []
        encoded = model.encode(rows, select=select)
        for prompt, count, prefix in zip(prompts, counts, encoded, strict=True):
            assert prefix.kept is not None
            accounting = model.account_selected(prompt, prefix.kept, prefix.accounting.bytes)
            placed = replace(prefix, next_position=len(prompt), accounting=accounting)
            compressed.append(with_asked(placed, count))
        return compressed

    def layer_scores(self, model: DecoderModel, instruction: str) -> list[Tensor]:
        """See Eviction."""
        rows = self.with_inputs(model, [instruction])
        own = len(self.prompts(model, [instruction])[0])
        found: list[Tensor] = []
        model.observe(rows, lambda view: found.append(self.score_for(view, own).float().cpu()))
        return found
