"""Answers that are read behind compressed prompts, token by token: what all measures rest on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from gisteval.compressors.base import Compressor
from gisteval.generation.batching import compress_each, fitting_batches
from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import CompressedPrompt
from gisteval.models.running.continuation import LOGIT_BYTES, Continuation
from gisteval.models.running.memory import Halving
from gisteval.records.budget import Budget
from gisteval.records.schema import Example
from gisteval.thinking import Thinking

SETTINGS = ("reference", "own answer")
"""The answers that are read: the task's references, and what the full prompt's model answers by itself."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a measure found at one example.

    Attributes:
        example: The example; of an instruction, its first one.
        setting: What was varied.
        values: By metric.
        series: Values of each token of the answer, or of each layer, by metric.
        marks: What else is known of each token of the answer, None where it does not apply.
        texts: What a reader must know, such as the nearest instruction.
    """

    example: Example
    setting: str
    values: Mapping[str, float]
    series: Mapping[str, Sequence[float]] = field(default_factory=dict)
    marks: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PromptReader:
    """A model that reads instructions through a compressor.

    Attributes:
        name: The system's name.
        model: The model.
        compressor: How it reads instructions.
        budget: What to keep of an instruction.
        thinking: What becomes of thoughts before an answer.
        writer: Who compresses the instructions, where that is another model.
    """

    name: str
    model: PromptModel
    compressor: Compressor
    budget: Budget | None = None
    thinking: Thinking = field(default_factory=Thinking)
    writer: PromptReader | None = None

    def compress(self, instructions: Sequence[str]) -> dict[str, CompressedPrompt]:
        """Each of these instructions compressed, once."""
        if self.writer is not None:
            return self.writer.compress(instructions)
        texts = list(dict.fromkeys(instructions))
        positions = self.compressor.positions(self.model, texts, self.budget)
        lengths = dict(zip(texts, positions, strict=True))
        return compress_each(self.model, self.compressor, self.budget, lengths, Halving())

    def inputs(self, examples: Sequence[Example]) -> list[list[int]]:
        """Token ids between prompt and answer; behind an empty thought where the model thinks."""
        texts = [example.input for example in examples]
        behind = self.model.tokens.behind_thought(texts, self.thinking.pair)
        return self.model.tokens.continuations(texts) if behind is None else behind

    def open(self, examples: Sequence[Example]) -> Continuation:
        """The examples' inputs, run behind their compressed prompts."""
        compressed = self.compress([example.instruction for example in examples])
        return self.model.run([compressed[e.instruction] for e in examples], self.inputs(examples))

    def chosen(self, logits: Tensor) -> Tensor:
        """The tokens that greedy decoding would choose, (tokens,)."""
        allowed = logits.clone()
        allowed[:, self.model.suppressed_ids] = -torch.inf
        return allowed.argmax(-1)


@torch.inference_mode()
def read_logits(running: Continuation, targets: Sequence[Sequence[int]]) -> list[Tensor]:
    """What predicts each target token, (len(target), vocabulary) float32 a row.

    Tokens that a model never produces keep their logits: `PromptReader.chosen` leaves them out.
    """
    table = torch.cat([logits for logits, _ in running.read(targets)], dim=1)
    return [table[row, : len(target)].clone() for row, target in enumerate(targets)]


def batches(reader: PromptReader, examples: Sequence[Example], answer: int) -> Iterator[list[Example]]:
    """Examples that are read at a time, those of one instruction together, in an order of their own.

    Args:
        reader: Whose memory they must fit into.
        examples: What is read. Those that exceed the context are left out.
        answer: Tokens of the longest answer.
    """
    model = reader.model
    positions = reader.compressor.positions(
        model, [example.instruction for example in examples], reader.budget
    )
    taken = dict(zip(map(id, examples), positions, strict=True))
    fitting = [
        example
        for example in model.fitting(examples, positions)
        if taken[id(example)] + len(reader.inputs([example])[0]) + answer <= model.context
    ]
    ordered = sorted(fitting, key=lambda example: (taken[id(example)], example.instruction))
    head = model.model.get_output_embeddings()
    vocabulary = model.tokens.rows if head is None else head.weight.shape[0]
    rows = max(1, LOGIT_BYTES // (4 * answer * int(vocabulary or 1)))
    return fitting_batches(
        model,
        ordered,
        lambda example: taken[id(example)] + len(reader.inputs([example])[0]) + answer,
        lambda example: max(len(reader.inputs([example])[0]), answer),
        min(rows, 64),
    )


def token_losses(logits: Tensor, target: Sequence[int]) -> Tensor:
    """Negative log-likelihood in nats of each target token, (tokens,) float64."""
    ids = torch.tensor(target, device=logits.device)
    return torch.nn.functional.cross_entropy(logits.double(), ids, reduction="none").cpu()
