"""FLOPs of measured ways: what stands beside their wall times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Protocol

from gisteval.profiling.closed_form import decode, forward
from gisteval.profiling.counted_form import counted_form
from gisteval.profiling.operators import OperatorCounter
from gisteval.profiling.passes import Lengths
from gisteval.profiling.shapes import DecoderShape, ModelShape

CLOSED_FORM = "closed form"
COUNTED = "matrix products, counted by torch without weights"


class FlopForm(Protocol):
    """FLOPs of one row's passes by their lengths; logits: positions that go through the output matrix."""

    def forward(self, tokens: int, cached: int, logits: int) -> int:
        """One pass of `tokens` behind `cached` slots."""

    def decode(self, tokens: int, cached: int, steps: int) -> int:
        """`steps` passes of one token after such a pass."""


@dataclass(frozen=True, slots=True)
class ClosedForm:
    """The closed form of a shape, elementwise work included."""

    shape: DecoderShape

    def forward(self, tokens: int, cached: int, logits: int) -> int:
        """See FlopForm."""
        return forward(self.shape, tokens, cached, logits).total

    def decode(self, tokens: int, cached: int, steps: int) -> int:
        """See FlopForm."""
        return decode(self.shape, tokens, cached, steps).total


@dataclass(frozen=True, slots=True)
class FlopSource:
    """How a model's FLOPs are had: by closed form, or counted (which leaves out what is elementwise)."""

    name: str
    form: FlopForm


def flop_source(shape: ModelShape) -> FlopSource:
    """The closed form of a decoder-only shape, else its passes counted on the meta device.

    Raises GistevalError if there is no closed form and the model can't run there.
    """
    if isinstance(shape.closed, DecoderShape):
        return FlopSource(CLOSED_FORM, ClosedForm(shape.closed))
    counter = OperatorCounter(shape.config)
    return FlopSource(COUNTED, counted_form(str(shape.config["model_type"]), counter.matrix))


@dataclass(frozen=True, slots=True)
class Work:
    """Mean FLOPs of one example. decode covers all decoded tokens.

    The output matrix runs on the last position only, and not at all when compressing, as the adapter does
    it.
    """

    compress: float
    prefill: float
    decode: float

    @property
    def each(self) -> float:
        """What one use costs."""
        return self.prefill + self.decode


def work_of(form: FlopForm, found: Sequence[Lengths], steps: int) -> Work:
    """The work of one way over its examples, with `steps` decoded tokens after the first."""
    return Work(
        compress=fmean(form.forward(item.compressed, 0, 0) for item in found),
        prefill=fmean(form.forward(item.run, item.cached, 1) for item in found),
        decode=fmean(form.decode(item.run, item.cached, steps) for item in found),
    )
