"""Which of an example's choices a model finds most likely, behind an input that has been read."""

from __future__ import annotations

from collections.abc import Sequence

from gisteval.models.running.base import PromptModel
from gisteval.models.running.continuation import Continuation
from gisteval.records.schema import Example


def choices_of(example: Example) -> list[str]:
    """The answers that an example lets one choose from; none for most."""
    return [] if example.choices is None else example.choices.split("\n")


def choice_tokens(model: PromptModel, choices: Sequence[str]) -> list[list[int]]:
    """Token ids of choices as answers, without the end token, which says nothing of the choice."""
    targets = model.tokens.targets(choices)
    return [ids[:-1] if len(ids) > 1 and ids[-1] in model.end_ids else ids for ids in targets]


def most_likely(model: PromptModel, running: Continuation, examples: Sequence[Example]) -> list[str | None]:
    """The choice of the highest likelihood (the sum over its tokens) for each row; None without choices.

    Args:
        model: Reads the choices.
        running: The rows, about to answer. It is left as it was.
        examples: What each row is asked.

    Returns:
        A choice for each row; the first one of equally likely ones.
    """
    listed = [choices_of(example) for example in examples]
    width = max(map(len, listed), default=0)
    if width == 0:
        return [None] * len(examples)
    tokens = [choice_tokens(model, choices or [""]) for choices in listed]
    best: list[tuple[float, str] | None] = [None] * len(examples)
    for place in range(width):
        # A row with fewer choices reads its first one again, which changes nothing.
        targets = [row[place] if place < len(row) else row[0] for row in tokens]
        for row, losses in enumerate(running.nll(targets)):
            if place < len(listed[row]):
                loss, known = float(losses.sum()), best[row]
                if known is None or loss < known[0]:
                    best[row] = loss, listed[row][place]
    return [None if found is None else found[1] for found in best]
