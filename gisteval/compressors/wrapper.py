"""Compressors around another compressor, such as the int4 of "keydiff+int4"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gisteval.compressors.base import Compressor, Footprint, Source
from gisteval.errors import GistevalError
from gisteval.models.running.base import PromptModel
from gisteval.records.budget import Budget


@dataclass(frozen=True)
class Wrapper(Compressor):
    """Changes what another compressor keeps, or how that is stored.

    Its settings are its fields but `inner`. What it doesn't say itself is as the inner compressor has it.
    Only gists need weights of their own: around others it reads those of the positive control.

    Attributes:
        inner: The compressor that it is around.
    """

    inner: Compressor

    def __post_init__(self) -> None:
        """Take over what the inner compressor says of itself. Raises GistevalError if it doesn't fit."""
        inner, own = self.inner, type(self)
        if (reason := self.refusal()) is not None:
            raise GistevalError(f"compressor {inner.name}+{own.name} makes no sense: {reason}")
        said = {
            "name": f"{inner.name}+{own.name}",
            "version": inner.version + own.version - 1,
            "takes_budget": inner.takes_budget,
            "reads": "own" if inner.needs_gists else "full",
            "needs_gists": inner.needs_gists,
            "architectures": inner.architectures & own.architectures,
            "reusable": inner.reusable,
            "learns_slots": inner.learns_slots,
        }
        for name, value in said.items():
            object.__setattr__(self, name, value)

    def refusal(self) -> str | None:
        """Why it can't be around its inner compressor, a clause; None if it can."""
        return None

    def subject(self, instruction: str, query: str | Sequence[int]) -> str:
        """That of the inner compressor."""
        return self.inner.subject(instruction, query)

    def helper_digests(self) -> Mapping[str, str]:
        """Those of the inner compressor."""
        return self.inner.helper_digests()

    def footprint(self, source: Source, budget: Budget | None) -> Footprint:
        """That of the inner compressor."""
        return self.inner.footprint(source, budget)

    def positions(
        self, model: PromptModel, instructions: Sequence[str], budget: Budget | None
    ) -> list[int]:
        """Those of the inner compressor."""
        return self.inner.positions(model, instructions, budget)

    def prompts(self, model: PromptModel, instructions: Sequence[str]) -> list[list[int]]:
        """Those of the inner compressor."""
        return self.inner.prompts(model, instructions)
