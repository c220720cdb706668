"""Inputs that a prompt is studied with: those of a task's training split, never those of an evaluation."""

from __future__ import annotations

import random
from functools import lru_cache
from itertools import islice

from gisteval.errors import GistevalError
from gisteval.models.running.base import PromptModel
from gisteval.records.schema import digest
from gisteval.tasks import load_task

TRAINING_SPLIT = "train"
MOST = 1000
"""Training examples whose inputs are read, the first ones."""


@lru_cache(maxsize=4)
def training_inputs(task: str) -> tuple[str, ...]:
    """The different inputs of a task's first training examples.

    Raises:
        GistevalError: There is no such task, or it has no split "train".
    """
    found = load_task(task)
    if TRAINING_SPLIT not in found.definition.splits:
        raise GistevalError(f"task {task} has no split {TRAINING_SPLIT!r} to take inputs from")
    examples = islice(found.examples(TRAINING_SPLIT), MOST)
    return tuple(dict.fromkeys(example.input for example in examples))


def inputs_digest(task: str) -> str:
    """Digest of the inputs."""
    return digest(list(training_inputs(task)))


def draw_inputs(model: PromptModel, task: str, rows: int, tokens: int, seed: int) -> list[list[int]]:
    """Inputs of a task as token ids, by chance, each in at most half of so many tokens.

    Raises:
        GistevalError: All that were drawn are longer.
    """
    texts = training_inputs(task)
    drawn = random.Random(seed).sample(texts, min(len(texts), 8 * rows))
    short = [ids for ids in model.tokens.continuations(drawn) if len(ids) <= tokens // 2][:rows]
    if not short:
        raise GistevalError(
            f"no input of {task} is as short as {tokens // 2} tokens, half of what is studied at a time: "
            "raise tokens="
        )
    return [short[row % len(short)] for row in range(rows)]
