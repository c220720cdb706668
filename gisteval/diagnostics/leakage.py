"""The leakage test: answers behind the gists of another instruction, and of the same one in other words.

What a system knows of an instruction must come through its compressed prompt. Behind that of another
instruction the loss must rise, to the negative control's or above it. Behind that of a paraphrase it must
not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gisteval.diagnostics.reading import Found, PromptReader, batches, read_logits, token_losses
from gisteval.records.schema import Example

OWN, OTHER, PARAPHRASE = "own prompt", "another's prompt", "a paraphrase's prompt"


def leakage(
    reader: PromptReader, examples: Sequence[Example], behind: Mapping[str, Mapping[str, str]]
) -> Iterator[list[Found]]:
    """Read the references behind the compressed prompts of their own and of other instructions.

    Args:
        reader: The system.
        examples: What is asked.
        behind: By setting, the instruction whose prompt stands in for each of the examples' instructions.
    """
    targets = reader.model.tokens.targets([example.output for example in examples])
    for batch in batches(reader, examples, max(map(len, targets))):
        read = {setting: [of[e.instruction] for e in batch] for setting, of in behind.items()}
        compressed = reader.compress([text for texts in read.values() for text in texts])
        answers = reader.model.tokens.targets([example.output for example in batch])
        found = []
        for setting, texts in read.items():
            running = reader.model.run([compressed[text] for text in texts], reader.inputs(batch))
            for example, answer, logits in zip(batch, answers, read_logits(running, answers), strict=True):
                values = {
                    "nll": float(token_losses(logits, answer).mean()),
                    "greedy_exact": 100.0 * (reader.chosen(logits).tolist() == answer),
                }
                found.append(Found(example, setting, values))
        yield found


def own_prompts(examples: Sequence[Example]) -> dict[str, str]:
    """Each instruction behind its own prompt."""
    return {example.instruction: example.instruction for example in examples}


def partners(instructions: Sequence[str]) -> dict[str, str]:
    """Another instruction for each: the one half of the sorted list further on, so that none is alike."""
    texts = sorted(set(instructions))
    half = max(1, len(texts) // 2)
    return {text: texts[(place + half) % len(texts)] for place, text in enumerate(texts)}
