"""Which examples a self-check runs on, and what each of its rows reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any, TypeVar

from gisteval.compressors.base import Compressor
from gisteval.compressors.proof import Identity, MaskedRule, MaskedSelection, Rerun, Stored
from gisteval.errors import GistevalError, InvalidRun
from gisteval.masks import MaskRule, next_position
from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import CompressedPrompt, Selection
from gisteval.records.budget import Budget
from gisteval.records.schema import Example

Item = TypeVar("Item")
Fitting = Callable[[Sequence[Example]], list[Example]]

Visible = MaskRule | Selection
"""What an uncached pass shows of the prompts: by a rule, or by row and layer as in `MaskedSelection`."""

ROWS = 10
POOL = 64
"""Examples a split that rows are chosen from, beside the longest one."""

TARGET_TOKENS = 12
"""Tokens that each row reads at least behind its input, if the examples have so many."""

LEAST_ROWS = 3
"""Two would miss one fault of docs/selfcheck.md: rows that change places when others have ended."""

MOST_TOKENS = 2_500
"""Tokens of all rows together, as each runs several times, but for the least rows."""

LONGEST_CHECKED = 8_000
"""Characters of an instruction, some 2,000 tokens: the uncached pass has a mask of their square."""

ROW_BYTES = 2**30
"""Room for the rows' cached states, but for those of the least rows."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What is compared, in token ids, a row an example.

    Attributes:
        compressed: What the cached path runs behind.
        prompts: What the uncached pass reads in their place, and sees as `visible` says.
        whole: The prompts that nothing is taken from, of the plain causal reading.
        inputs: What follows the prompts.
        targets: What the loss is taken of.
        visible: What the uncached pass shows of the prompts.
        instructions: Their texts, without template, as the compressor is given them.
        compressor: What made them.
        taken: Positions that each of the prompts takes up in the uncached pass.
        chosen: What the run itself will use, where the compression chooses it and not a rule. It differs
            from `compressed` where that keeps everything for the proof's sake.
        stored: Where states are stored in another form: the prompts as they are stored.
        expected: What those must read as.
    """

    compressed: tuple[CompressedPrompt, ...]
    prompts: tuple[list[int], ...]
    whole: tuple[list[int], ...]
    inputs: tuple[list[int], ...]
    targets: tuple[list[int], ...]
    visible: Visible
    instructions: tuple[str, ...]
    compressor: Compressor
    taken: tuple[int, ...]
    chosen: tuple[CompressedPrompt, ...] = ()
    stored: tuple[CompressedPrompt, ...] = ()
    expected: tuple[CompressedPrompt, ...] = ()

    def __len__(self) -> int:
        return len(self.inputs)

    def tokens_before_answer(self, row: int) -> int:
        """Positions before a row's answer."""
        return self.taken[row] + len(self.inputs[row])

    def only(self, chosen: Sequence[int]) -> Rows:
        """These rows alone, in this order."""
        return Rows(
            tuple(self.compressed[row] for row in chosen),
            tuple(self.prompts[row] for row in chosen),
            tuple(self.whole[row] for row in chosen),
            tuple(self.inputs[row] for row in chosen),
            tuple(self.targets[row] for row in chosen),
            visible_of(self.visible, chosen),
            tuple(self.instructions[row] for row in chosen),
            self.compressor,
            tuple(self.taken[row] for row in chosen),
            tuple(self.chosen[row] for row in chosen if self.chosen),
            tuple(self.stored[row] for row in chosen if self.stored),
            tuple(self.expected[row] for row in chosen if self.expected),
        )

    def shortest_and_longest(self, count: int) -> list[int]:
        """Indices of `count` rows, spread over their lengths: first the longest, then the shortest."""
        by_length = sorted(range(len(self)), key=lambda row: len(self.whole[row]) + len(self.inputs[row]))
        shortest, *between = spread(by_length, count)
        return [*between[-1:], shortest, *between[:-1]]

    def whole_in_context(self, context: int) -> list[int]:
        """Indices of the rows whose whole prompt, input and target fit."""
        parts = zip(self.whole, self.inputs, self.targets, strict=True)
        return [row for row, part in enumerate(parts) if sum(map(len, part)) <= context]


def visible_of(visible: Visible, rows: Iterable[int]) -> Visible:
    """What is visible of some of the rows."""
    return visible if isinstance(visible, MaskRule) else [visible[row] for row in rows]


def choose_examples(
    model: PromptModel, examples: Mapping[str, Sequence[Example]], fitting: Fitting | None = None
) -> list[Example]:
    """Examples of all lengths, the shortest and the longest that fit among them.

    An instruction comes twice only if there are too few of them.

    Args:
        model: The model of the run.
        examples: By split.
        fitting: Gives those of some examples that fit into the context, where compressed prompts take up
            less of it than whole ones.
    """
    fits = fitting or model.fitting
    pool: dict[Example, None] = {}
    for split_examples in examples.values():
        pool |= dict.fromkeys(islice(_fitting(fits, split_examples), POOL))
        longest_first = sorted(split_examples, key=_length, reverse=True)
        pool |= dict.fromkeys(islice(_fitting(fits, longest_first), 1))
    by_length = sorted(pool, key=_length)
    if not by_length:
        return []
    longest = by_length[-1]
    distinct = {example.instruction: example for example in by_length}
    repeated = [example for example in by_length if distinct[example.instruction] is not example]
    candidates = list(distinct.values())
    if len(candidates) < ROWS:
        candidates += spread(repeated, ROWS - len(candidates))
    candidates = sorted(candidates, key=_length)
    return spread(candidates, _room(model, longest))


def _room(model: PromptModel, longest: Example) -> int:
    tokens = sum(model.tokens.lengths([longest])[0]) + model.tokens.k
    return min(ROWS, max(LEAST_ROWS, min(MOST_TOKENS // tokens, ROW_BYTES // (tokens * model.slot_bytes))))


def shortened(
    compressor: Compressor, examples: Mapping[str, Sequence[Example]]
) -> Mapping[str, Sequence[Example]]:
    """The examples with the starts of instructions that are too long for a mask of their square.

    A compressor that knows only certain instructions keeps them as they are.
    """
    if type(compressor).check_instructions is not Compressor.check_instructions:
        return examples
    return {split: [_shortened(example) for example in items] for split, items in examples.items()}


def _shortened(example: Example) -> Example:
    text = example.instruction
    if len(text) <= LONGEST_CHECKED:
        return example
    return replace(example, instruction=text[:LONGEST_CHECKED].rsplit(None, 1)[0])


def _length(example: Example) -> int:
    """Its characters."""
    return len(example.instruction) + len(example.input)


def _fitting(fits: Fitting, examples: Sequence[Example]) -> Iterable[Example]:
    parts = (examples[start : start + POOL] for start in range(0, len(examples), POOL))
    return chain.from_iterable(map(fits, parts))


def spread(examples: Sequence[Item], count: int) -> list[Item]:
    """`count` of the examples, evenly over the sequence, the first and the last among them."""
    if len(examples) <= count:
        return list(examples)
    if count == 1:
        return [examples[-1]]
    return [examples[round(place * (len(examples) - 1) / (count - 1))] for place in range(count)]


def make_rows(
    model: PromptModel,
    compressor: Compressor,
    budget: Budget | None,
    examples: Sequence[Example],
) -> Rows:
    """Compress the examples' instructions as a run does, and lengthen what follows.

    A reference is often a few tokens that a good model knows anyway, so a fault would hardly show. Each
    row goes on with the references of other rows, which its model does not expect. Of states that are
    stored in another form, the rows are those of the states, and the stored form lies beside them.
    """
    instructions = [compressor.subject(example.instruction, example.input) for example in examples]
    compressed = compressor.compress(model, instructions, budget)
    proof = compressor.proof(model, instructions, budget, compressed)
    if isinstance(proof, Stored):
        _check_count(compressor, compressed, proof.expected, instructions)
        rows = make_rows(model, proof.before, budget, examples)
        return replace(rows, stored=tuple(compressed), expected=tuple(proof.expected))
    whole = compressor.prompts(model, instructions)
    chosen = () if isinstance(proof, MaskedRule) else tuple(compressed)
    compressed, prompts, visible = _proven(model, compressor, instructions, compressed, proof)
    inputs = model.tokens.continuations([example.input for example in examples])
    references = model.tokens.targets([example.output for example in examples])
    taken = [_taken(model, prompt, visible) for prompt in prompts]
    targets = []
    for row, reference in enumerate(references):
        others = references[row + 1 :] + references[:row]
        # Rows of different lengths, so that a shorter target beside a longer one is tested as well.
        wanted = max(len(reference), TARGET_TOKENS + row % 3)
        room = model.context - taken[row] - len(inputs[row])
        targets.append([*reference, *chain.from_iterable(others)][: min(wanted, room)])
    return Rows(
        tuple(compressed),
        tuple(prompts),
        tuple(whole),
        tuple(inputs),
        tuple(targets),
        visible,
        tuple(instructions),
        compressor,
        tuple(taken),
        chosen,
    )


def _taken(model: PromptModel, prompt: Sequence[int], visible: Visible) -> int:
    """Where what follows a prompt begins."""
    if isinstance(visible, MaskRule):
        return next_position(model.prompt_roles(prompt), visible)
    return len(prompt)


def _proven(
    model: PromptModel,
    compressor: Compressor,
    instructions: Sequence[str],
    compressed: list[CompressedPrompt],
    proof: MaskedRule | MaskedSelection | Rerun | Identity,
) -> tuple[list[CompressedPrompt], list[list[int]], Visible]:
    """What the cached path runs behind, and what an uncached pass reads and sees."""
    visible: Visible = MaskRule("pos_control")
    prompts: Sequence[Sequence[int]]
    match proof:
        case MaskedRule(prompts, visible) | MaskedSelection(prompts, visible):
            pass
        case Rerun(prompts):
            pass
        case Identity(everything):
            prompts = compressor.prompts(model, instructions)
            compressed = compressor.compress(model, instructions, everything)
    _check_count(compressor, compressed, prompts, instructions)
    if isinstance(visible, Sequence):
        _check_selection(compressor, prompts, visible)
    return compressed, [list(ids) for ids in prompts], visible


def _check_count(
    compressor: Compressor, compressed: Sequence[Any], proven: Sequence[Any], instructions: Sequence[str]
) -> None:
    if not len(proven) == len(compressed) == len(instructions):
        raise GistevalError(
            f"compressor {compressor.name}: {len(compressed)} prompts and a proof of {len(proven)} for "
            f"{len(instructions)} instructions"
        )


def _check_selection(
    compressor: Compressor, prompts: Sequence[Sequence[int]], selection: Selection
) -> None:
    """Raise InvalidRun for slots that a prompt does not have."""
    for ids, layers in zip(prompts, selection, strict=True):
        last = max((int(slots.max()) for slots in layers if slots.numel()), default=-1)
        if last >= len(ids):
            raise InvalidRun(
                f"self-check failed for compressor {compressor.name}: it says that it kept slot {last + 1} "
                f"of a prompt of {len(ids)} tokens; nothing was evaluated"
            )
