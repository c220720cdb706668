"""The leakage test: answers behind the gists of another instruction.

What a system knows of an instruction must come through its compressed prompt. Behind that of another
instruction the loss must rise, to the negative control's or above it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gisteval.diagnostics.reading import Found, PromptReader, batches, read_logits, token_losses
from gisteval.records.schema import Example

OWN, OTHER = "own prompt", "another's prompt"


def leakage(
    reader: PromptReader, examples: Sequence[Example], settings: Sequence[str] = (OWN, OTHER)
) -> Iterator[list[Found]]:
    """Read the references behind the compressed prompts of their own and of other instructions.

    Args:
        reader: The system.
        examples: What is asked, of two instructions at least where others' prompts are wanted.
        settings: Whose prompts.
    """
    partner = partners([example.instruction for example in examples])
    targets = reader.model.tokens.targets([example.output for example in examples])
    for batch in batches(reader, examples, max(map(len, targets))):
        wanted = [e.instruction for e in batch] + [partner[e.instruction] for e in batch]
        compressed = reader.compress(wanted if OTHER in settings else wanted[: len(batch)])
        answers = reader.model.tokens.targets([example.output for example in batch])
        found = []
        for setting in settings:
            texts = [e.instruction if setting == OWN else partner[e.instruction] for e in batch]
            running = reader.model.run([compressed[text] for text in texts], reader.inputs(batch))
            for example, answer, logits in zip(batch, answers, read_logits(running, answers), strict=True):
                values = {
                    "nll": float(token_losses(logits, answer).mean()),
                    "greedy_exact": 100.0 * (reader.chosen(logits).tolist() == answer),
                }
                found.append(Found(example, setting, values))
        yield found


def partners(instructions: Sequence[str]) -> dict[str, str]:
    """Another instruction for each: the one half of the sorted list further on, so that none is alike."""
    texts = sorted(set(instructions))
    half = max(1, len(texts) // 2)
    return {text: texts[(place + half) % len(texts)] for place, text in enumerate(texts)}
