"""Answers of several evictors on one checkpoint, whose prompts are compressed by one pass for all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import chain

from gisteval.compressors.eviction.together import Sharing, compress_together
from gisteval.generation.answering import Answering, Decoding, Window, plan_windows
from gisteval.generation.outcomes import Outcome
from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import CompressedPrompt
from gisteval.models.running.memory import Halving
from gisteval.records.budget import Budget
from gisteval.records.schema import Example


@dataclass(frozen=True, slots=True)
class Wanted:
    """A compressor under a budget. done: indices of the examples whose answers are known."""

    method: Sharing
    budget: Budget | None
    done: AbstractSet[int] = frozenset()


def answer_together(
    model: PromptModel, wanted: Sequence[Wanted], examples: Sequence[Example], decoding: Decoding
) -> Iterator[tuple[int, list[Outcome]]]:
    """What `answer_all` gives for each of `wanted`, batch by batch, with the number of it.

    All of them answer a window before the next one is begun, so the prompts of one window are kept.

    Args:
        model: A decoder.
        wanted: Compressors of one `pass_kind`.
        examples: Of one split.
        decoding: Settings of the decoding.

    Raises:
        GistevalError: A single row does not fit into memory.
    """
    answering = [Answering(model, one.method, one.budget, decoding) for one in wanted]
    halving = Halving()
    for part in plan_windows(model, wanted[0].method, wanted[0].budget, examples, decoding):
        if not isinstance(part, Window):
            for number in range(len(wanted)):
                yield number, list(part)
            continue
        left = [
            n
            for n, one in enumerate(wanted)
            if not frozenset(chain.from_iterable(part.batches)) <= one.done
        ]
        for number in left:
            answering[number].forget()
        waiting = set(part.groups)
        for batch in part.batches:
            chosen = [examples[index] for index in batch]
            texts = {example.instruction for example in chosen}
            numbers = [number for number in left if not frozenset(batch) <= wanted[number].done]
            needed = [group for group in part.groups if group in waiting and not texts.isdisjoint(group)]
            for group in needed if numbers else ():
                waiting.remove(group)
                for number, found in zip(
                    left, compressed_for_each(model, [wanted[n] for n in left], group, halving), strict=True
                ):
                    answering[number].take(found)
            for number in numbers:
                for outcomes in answering[number].answer(part.groups, chosen):
                    yield number, outcomes


def compressed_for_each(
    model: PromptModel, wanted: Sequence[Wanted], group: Sequence[str], halving: Halving
) -> list[dict[str, CompressedPrompt]]:
    """A group's instructions for each of `wanted`, by text."""
    pairs = [(one.method, one.budget) for one in wanted]

    def work(part: list[str]) -> list[tuple[CompressedPrompt, ...]]:
        return list(zip(*compress_together(model, part, pairs), strict=True))

    rows = dict(zip(group, chain.from_iterable(halving.run(work, group)), strict=True))
    return [{text: row[number] for text, row in rows.items()} for number in range(len(wanted))]
