"""Reconstruction: what a model writes where it is asked to repeat its prompt.

A gist that holds an instruction's words lets them be read out again, as an autoencoder does (ICAE, arXiv
2307.06945). A model that can't repeat a whole prompt can't be asked what a gist of it holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from gisteval.diagnostics.reading import Found, PromptReader, batches
from gisteval.records.schema import Example

REQUEST = "Repeat the instruction above, word for word."
"""The input that asks for it."""

SETTING = "repeat"

MARGIN = 8
"""Tokens that an answer may have beyond the longest instruction of its batch."""

ANSWER = "answer"
"""The text of an observation that holds what the model wrote."""


def reconstruction(reader: PromptReader, examples: Sequence[Example]) -> Iterator[list[Found]]:
    """Ask a system to repeat its prompt, and keep what it writes greedily.

    Args:
        reader: The system.
        examples: One example of each instruction.
    """
    tokens = reader.model.tokens
    asked = [replace(example, input=REQUEST) for example in examples]
    by_text = {example.instruction: example for example in examples}
    longest = max(map(len, tokens.targets([example.instruction for example in asked]))) + MARGIN
    for batch in batches(reader, asked, longest):
        lengths = map(len, tokens.targets([example.instruction for example in batch]))
        decoded = reader.open(batch).decode(max(lengths) + MARGIN)
        yield [
            Found(
                by_text[example.instruction],
                SETTING,
                {"written": float(len(answer.token_ids))},
                texts={ANSWER: tokens.decode(answer.token_ids)},
            )
            for example, answer in zip(batch, decoded, strict=True)
        ]
