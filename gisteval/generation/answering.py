"""From a system and examples to generations: compress once, batch by length, never touch the disk."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import torch

from gisteval.compressors.base import Compressor
from gisteval.generation.batching import (
    AUTO_BATCH,
    compress_groups,
    fitting_batches,
    length_groups,
    prompt_windows,
)
from gisteval.generation.choosing import choice_tokens, choices_of, most_likely
from gisteval.generation.outcomes import Answer, NotFinite, Outcome, TooLong
from gisteval.generation.sampling import Sampling
from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import CompressedPrompt
from gisteval.models.running.continuation import greedy
from gisteval.models.running.memory import Halving
from gisteval.records.budget import Budget
from gisteval.records.schema import Example
from gisteval.thinking import Thinking

WINDOW = 8
"""Batches that are planned, and whose prompts are kept, at a time."""


@dataclass(frozen=True, slots=True)
class Decoding:
    """Settings that decide the outputs, and those that only decide the speed.

    Attributes:
        max_new_tokens: The longest answer, in tokens.
        batch_size: Rows of a batch. None takes as many as fit into a fixed room for the cache, at most 256.
        with_loss: Whether the reference is scored as well.
        sampling: How answers are drawn; None for greedy ones.
        thinking: What becomes of thoughts before an answer.
    """

    max_new_tokens: int
    batch_size: int | None = None
    with_loss: bool = True
    sampling: Sampling | None = None
    thinking: Thinking = field(default_factory=Thinking)


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the work. Its groups and batches are the same wherever and whenever it is done.

    Attributes:
        groups: Subjects (see `Compressor.subject`) that are compressed at a time.
        batches: Indices of the examples that are answered at a time.
    """

    groups: tuple[tuple[str, ...], ...]
    batches: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class _Item:
    index: int
    example: Example
    subject: str
    prompt_tokens: int
    input_tokens: int
    target_tokens: int

    @property
    def total(self) -> int:
        return self.prompt_tokens + self.input_tokens + self.target_tokens


def answer_all(
    model: PromptModel,
    compressor: Compressor,
    budget: Budget | None,
    examples: Sequence[Example],
    decoding: Decoding,
    done: AbstractSet[int] = frozenset(),
) -> Iterator[list[Outcome]]:
    """Batches of answers, in an order of work that only the examples decide.

    The plan is made over all examples, and a batch is left out only if all of it is done. So a resumed run
    computes in the very batches of an uninterrupted one. Each instruction of a window is compressed once.
    Where a batch does not fit into memory, it and those after it are halved.

    Args:
        model: The model that answers.
        compressor: How it reads instructions.
        budget: What to keep of an instruction.
        examples: What is asked.
        decoding: Limits and batch size.
        done: Indices of examples whose answers are known.

    Raises:
        GistevalError: A single row does not fit into memory.
    """
    answering = Answering(model, compressor, budget, decoding)
    for part in plan_windows(model, compressor, budget, examples, decoding):
        if not isinstance(part, Window):
            yield list(part)
            continue
        answering.forget()
        for batch in part.batches:
            if not frozenset(batch) <= done:
                yield from answering.answer(part.groups, [examples[index] for index in batch])


def plan_windows(
    model: PromptModel,
    compressor: Compressor,
    budget: Budget | None,
    examples: Sequence[Example],
    decoding: Decoding,
) -> Iterator[tuple[TooLong, ...] | Window]:
    """All work on some examples, in an order that only they decide, and what does not fit."""
    order = sorted(range(len(examples)), key=lambda i: _group_key(examples, i))
    step = decoding.batch_size or AUTO_BATCH
    for start in range(0, len(order), step * WINDOW):
        chosen = order[start : start + step * WINDOW]
        items = _measure(model, compressor, budget, [(i, examples[i]) for i in chosen], decoding)
        fitting = [item for item in items if item.total <= model.context]
        yield tuple(
            TooLong(i.example, i.total, model.context, model.context_limit)
            for i in items
            if i.total > model.context
        )
        for window in prompt_windows(model, fitting, lambda item: (item.subject, item.prompt_tokens)):
            lengths = {item.subject: item.prompt_tokens for item in window}
            batches = _batches(model, window, decoding)
            yield Window(
                tuple(map(tuple, length_groups(model, lengths))),
                tuple(tuple(item.index for item in batch) for batch in batches),
            )


class Answering:
    """Answers batches of one window after the other; each prompt is compressed once, when it is needed."""

    def __init__(
        self, model: PromptModel, compressor: Compressor, budget: Budget | None, decoding: Decoding
    ) -> None:
        self._model, self._compressor, self._budget = model, compressor, budget
        self._decoding = decoding
        self._halving = Halving()
        self._compressed: dict[str, CompressedPrompt] = {}

    def forget(self) -> None:
        """Drop the prompts of a window that is done."""
        self._compressed = {}

    def has(self, group: Iterable[str]) -> bool:
        """Whether all of a group is compressed."""
        return self._compressed.keys() >= set(group)

    def take(self, compressed: Mapping[str, CompressedPrompt]) -> None:
        """Prompts of the window, by instruction, that were compressed elsewhere."""
        self._compressed |= compressed

    def answer(
        self, groups: Iterable[tuple[str, ...]], examples: Sequence[Example]
    ) -> Iterator[list[Outcome]]:
        """Outcomes of a batch, in parts if it does not fit into memory whole.

        Args:
            groups: The window's groups, at least those with an instruction of the batch.
            examples: The batch.

        Raises:
            GistevalError: A single row does not fit into memory.
        """
        subjects = [self._compressor.subject(example.instruction, example.input) for example in examples]
        texts = set(subjects) - self._compressed.keys()
        needed = [group for group in groups if not texts.isdisjoint(group)]
        self._compressed |= compress_groups(
            self._model, self._compressor, self._budget, needed, self._halving
        )
        batch = [(e, self._compressed[subject]) for e, subject in zip(examples, subjects, strict=True)]
        yield from self._halving.run(lambda part: list(_answers(self._model, part, self._decoding)), batch)


def _group_key(examples: Sequence[Example], index: int) -> tuple[int, str, int]:
    """Short instructions first; examples of one instruction stand together."""
    return len(examples[index].instruction), examples[index].instruction, index


def _measure(
    model: PromptModel,
    compressor: Compressor,
    budget: Budget | None,
    chosen: list[tuple[int, Example]],
    decoding: Decoding,
) -> list[_Item]:
    subjects = [compressor.subject(example.instruction, example.input) for _, example in chosen]
    prompts = compressor.positions(model, subjects, budget)
    texts = [example.input for _, example in chosen]
    inputs = model.tokens.continuations(texts)
    behind = model.tokens.behind_thought(texts, decoding.thinking.pair)
    if behind is not None:
        inputs = [max(both, key=len) for both in zip(inputs, behind, strict=True)]
    targets = model.tokens.targets([example.output for _, example in chosen])
    return [
        _Item(index, example, subject, p, len(x), max([len(y), *_choice_lengths(model, example)]))
        for (index, example), subject, p, x, y in zip(
            chosen, subjects, prompts, inputs, targets, strict=True
        )
    ]


def _choice_lengths(model: PromptModel, example: Example) -> list[int]:
    choices = choices_of(example)
    return [len(ids) for ids in choice_tokens(model, choices)] if choices else []


def _batches(model: PromptModel, window: list[_Item], decoding: Decoding) -> Iterator[list[_Item]]:
    """Rows of similar length together. The reference's length is no key: nobody knows it in earnest."""
    ordered = sorted(window, key=lambda i: (i.input_tokens, i.prompt_tokens, i.index))
    return fitting_batches(
        model,
        ordered,
        lambda item: item.total + decoding.max_new_tokens,
        lambda item: max(item.input_tokens, item.target_tokens),
        decoding.batch_size,
    )


def _answers(
    model: PromptModel, batch: Sequence[tuple[Example, CompressedPrompt]], decoding: Decoding
) -> Iterator[Outcome]:
    prompts, inputs = [prompt for _, prompt in batch], [example.input for example, _ in batch]
    examples = [example for example, _ in batch]
    targets = model.tokens.targets([example.output for example in examples])
    choices: list[str | None] = [None] * len(batch)
    losses: list[torch.Tensor] | list[None] = [None] * len(batch)
    # Nobody knows the thought that leads to the reference: it is read behind an empty one.
    behind = model.tokens.behind_thought(inputs, decoding.thinking.pair) if decoding.with_loss else None
    if behind is not None:
        thought = model.run(prompts, behind)
        losses, choices = thought.nll(targets), most_likely(model, thought, examples)
    running = model.open(prompts, inputs)
    if decoding.with_loss and behind is None:
        losses, choices = running.nll(targets), most_likely(model, running, examples)
    pick = greedy if decoding.sampling is None else decoding.sampling.pick(examples)
    decoded = running.decode(decoding.max_new_tokens, pick=pick)
    for (example, prompt), target, loss, choice, answer in zip(
        batch, targets, losses, choices, decoded, strict=True
    ):
        accounting = prompt.accounting
        nll = None if loss is None else float(loss.mean())
        if not answer.finite or (nll is not None and not math.isfinite(nll)):
            yield NotFinite(example)
            continue
        output, raw = model.tokens.answer_text(answer.token_ids, decoding.thinking)
        yield Answer(
            example=example,
            output=output,
            output_tokens=len(answer.token_ids),
            finished=answer.finished,
            source_tokens=accounting.source_tokens,
            template_tokens=accounting.template_tokens,
            kept=accounting.kept,
            bytes=accounting.bytes,
            nll=nll,
            target_tokens=len(target),
            kept_template=accounting.kept_template,
            asked=accounting.asked,
            raw=raw,
            choice=choice,
        )
