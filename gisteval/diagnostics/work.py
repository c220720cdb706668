"""Slots that are attended to while an answer is written: dependency, peak and mean.

The measures are LightThinker's (arXiv 2502.15589). With P slots before the answer, those that the prompt
keeps and the input's, token j of an answer attends to P + j of them, itself included. So an answer of O
tokens has the dependency Dep = P O + O (O + 1) / 2, the peak P + O and the mean Dep / O.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gisteval.diagnostics.reading import Found, PromptReader, batches
from gisteval.models.running.compressed import CompressedPrompt, EncoderState, PackedPrefix, Prefix, Tokens
from gisteval.records.schema import Example

SETTING = "reference"


def work(reader: PromptReader, examples: Sequence[Example]) -> Iterator[list[Found]]:
    """Count the slots that the reference answers attend to, behind a system's prompts.

    The references are the same for all systems, so that their lengths don't hide what the prompts cost.
    """
    targets = reader.model.tokens.targets([example.output for example in examples])
    for batch in batches(reader, examples, max(map(len, targets))):
        compressed = reader.compress([example.instruction for example in batch])
        answers = reader.model.tokens.targets([example.output for example in batch])
        yield [
            _found(example, slots_of(compressed[example.instruction]) + len(text), len(answer))
            for example, text, answer in zip(batch, reader.inputs(batch), answers, strict=True)
        ]


def slots_of(prompt: CompressedPrompt) -> float:
    """Slots of a compressed prompt that an answer sees; the mean over layers and heads."""
    if isinstance(prompt, PackedPrefix):
        prompt = prompt.unpacked()
    if isinstance(prompt, Prefix):
        counts = [
            (prompt.positions(layer) >= 0).sum(dim=1).double().mean() for layer in range(len(prompt.layers))
        ]
        return float(sum(counts)) / len(counts)
    if isinstance(prompt, EncoderState):
        return float(prompt.slots)
    return float(len(prompt.token_ids)) if isinstance(prompt, Tokens) else 0.0


def dependency(before: float, answer: int) -> float:
    """Dep of an answer of so many tokens behind so many slots."""
    return sum(before + place for place in range(1, answer + 1))


def _found(example: Example, before: float, answer: int) -> Found:
    total = dependency(before, answer)
    values = {"dep": total, "peak_slots": before + answer, "mean_slots": total / answer}
    return Found(example, SETTING, values)
