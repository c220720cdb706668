"""What every compressor is: instructions in, compressed prompts out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from gisteval.compressors.proof import Proof
from gisteval.errors import GistevalError
from gisteval.models.running.architecture import ArchitectureName
from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import Accounting, CompressedPrompt
from gisteval.records.budget import Budget


@dataclass(frozen=True, slots=True)
class Source:
    """A prompt before it is compressed: its tokens without gists, its gists and leak window.

    template: how many of the tokens are the template's.
    caches_prompts: the model can keep a whole prompt's states, whatever input follows.
    """

    tokens: int
    k: int
    leak_window: int
    caches_prompts: bool
    template: int = 0

    @property
    def instruction(self) -> int:
        """Tokens of the instruction itself."""
        return self.tokens - self.template


@dataclass(frozen=True, slots=True)
class Passes:
    """Forward passes of one kind, with the output matrix at every token; one backwards costs as much.

    count: how many. tokens: that each runs. cached: slots before them.
    """

    count: int
    tokens: int
    cached: int


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a prompt costs in tokens: run once to compress it, kept as slots, run again at each use.

    positions: of the context that it takes up, None for the whole prompt with its gists.
    passes: what compressing runs beside the pass over the prompt.
    """

    run_once: int
    slots: int
    run_each: int
    positions: int | None = None
    passes: tuple[Passes, ...] = ()


@dataclass(frozen=True)
class Compressor(ABC):
    """One idea of how an instruction becomes cheaper.

    A concrete compressor is a frozen dataclass. Its fields are its settings: int, float, bool or str,
    each with a default; `__post_init__` raises GistevalError for a value that makes no sense.

    Attributes:
        name: What the registry calls it.
        source: The paper or method that it is from, "" for none.
        version: Goes up whenever it keeps something else of the same prompt with the same settings, so
            that older records are not taken for new ones.
        takes_budget: Whether it can be told how much to keep.
        reads: Whose weights it reads. "own" are those of the checkpoint under evaluation, as gists do.
            "full" are those of the positive control: the compressor needs no training of its own.
        needs_gists: Whether it keeps gist tokens, which a checkpoint must have.
        architectures: The architectures that it can serve.
        reusable: Whether a compressed prompt serves any input. One that does not is an oracle, whose name
            ends with `registry.ORACLE`.
        keeps_states: Whether what it keeps of a decoder is states, and neither tokens nor nothing.
        learns_slots: Whether its slots are none of the prompt's own.
    """

    name: ClassVar[str]
    source: ClassVar[str] = ""
    version: ClassVar[int] = 1
    takes_budget: ClassVar[bool] = False
    reads: ClassVar[Literal["own", "full"]] = "full"
    needs_gists: ClassVar[bool] = False
    architectures: ClassVar[frozenset[ArchitectureName]] = frozenset(("decoder-only", "encoder-decoder"))
    reusable: ClassVar[bool] = True
    keeps_states: ClassVar[bool] = True
    learns_slots: ClassVar[bool] = False

    @abstractmethod
    def compress(
        self, model: PromptModel, instructions: Sequence[str], budget: Budget | None
    ) -> list[CompressedPrompt]:
        """Compress each instruction on its own, so results don't depend on what else is in the batch.

        Args:
            model: Runs the prompts.
            instructions: Texts without template.
            budget: What to keep of each instruction, None for the compressor's own choice. The template's
                tokens are no part of it.

        Returns:
            A compressed prompt for each instruction.
        """

    @abstractmethod
    def proof(
        self,
        model: PromptModel,
        instructions: Sequence[str],
        budget: Budget | None,
        compressed: Sequence[CompressedPrompt],
    ) -> Proof:
        """How the self-check can compare these compressed prompts with an uncached pass.

        Args:
            model: The model that compressed them.
            instructions: Texts without template.
            budget: As it was given to `compress`.
            compressed: What `compress` made of the instructions.
        """

    def check_architecture(self, kind: ArchitectureName, where: str) -> None:
        """Raise GistevalError for a model that it can't serve. where: the model, for the message."""
        if kind not in self.architectures:
            raise GistevalError(
                f"compressor {self.name} can't serve {where}, a model of the kind {kind}: it is for "
                f"{' and '.join(sorted(self.architectures))} models"
            )

    def check_instructions(
        self, instructions: Sequence[str], budget: Budget | None, task: str | None = None
    ) -> None:
        """Raise GistevalError if it can't compress these instructions, before anything is loaded.

        task: The name of the task that they are of, None if they are of none.
        """
        return

    def helper_digests(self) -> Mapping[str, str]:
        """Digests, by name, of helper models that decide what is kept. They enter a record's key."""
        return {}

    def subject(self, instruction: str, query: str | Sequence[int]) -> str:
        """What it is to compress of an example, which `compress` and the rest are given: the instruction.

        query: The input, as text or as the token ids that follow the prompt. Only an oracle looks at it.
        """
        return instruction

    def footprint(self, source: Source, budget: Budget | None) -> Footprint:
        """Estimate, without weights, what compressing such a prompt costs.

        By default the whole prompt is run once, and as many slots are kept as the budget says, all
        without one.
        """
        whole = source.tokens + source.k
        slots = whole if budget is None else min(budget.of(source.instruction), whole)
        return Footprint(whole, slots, 0)

    def positions(
        self, model: PromptModel, instructions: Sequence[str], budget: Budget | None
    ) -> list[int]:
        """How much of the context each prompt takes up, while it is compressed and once it is.

        By default its whole length, gists included, as what follows stands at its original position.
        """
        return [len(prompt) for prompt in self.prompts(model, instructions)]

    def prompts(self, model: PromptModel, instructions: Sequence[str]) -> list[list[int]]:
        """Token ids of the uncompressed prompts, gist tokens included."""
        return [ids + model.tokens.gists for ids in model.tokens.prompts(instructions)]


def check_budget(budgets: Sequence[Budget], compressors: Iterable[Compressor]) -> None:
    """Raise GistevalError for budgets that none of the compressors takes."""
    methods = list(compressors)
    if budgets and not any(method.takes_budget for method in methods):
        names = ", ".join(method.name for method in methods)
        why = f"{names} takes none" if methods else "no compressor is given"
        raise GistevalError(
            f"--budget {','.join(map(str, budgets))} has nothing to work on, {why}: say what keeps so many "
            "tokens with --compressor, such as truncate"
        )


def nothing_kept(model: PromptModel, prompt: Sequence[int]) -> Accounting:
    """Accounting of a prompt of which nothing is visible any more."""
    return model.account(prompt, 0, 0)
