"""FLOPs of the serving modes whose wall times are measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Protocol

from gisteval.profiling.closed_form import decode, forward
from gisteval.profiling.counted_form import counted_form
from gisteval.profiling.operators import OperatorCounter
from gisteval.profiling.passes import PassLengths
from gisteval.profiling.shapes import DecoderShape, ModelShape

CLOSED_FORM = "closed form"
COUNTED = "matrix products, counted by torch without weights"


class FlopForm(Protocol):
    """FLOPs of one row's passes as a function of their lengths."""

    def forward(self, tokens: int, cached: int, logits: int) -> int:
        """Return the FLOPs of one forward pass.

        Args:
            tokens: Tokens that are run.
            cached: Slots that are already in the cache.
            logits: Positions that go through the output matrix.
        """

    def decode(self, tokens: int, cached: int, steps: int) -> int:
        """Return the FLOPs of `steps` one-token passes after a pass of `tokens` behind `cached` slots."""


@dataclass(frozen=True, slots=True)
class ClosedForm:
    """The closed form of a shape, which includes elementwise operations."""

    shape: DecoderShape

    def forward(self, tokens: int, cached: int, logits: int) -> int:
        """See FlopForm."""
        return forward(self.shape, tokens, cached, logits).total

    def decode(self, tokens: int, cached: int, steps: int) -> int:
        """See FlopForm."""
        return decode(self.shape, tokens, cached, steps).total


@dataclass(frozen=True, slots=True)
class FlopSource:
    """Where a model's FLOPs come from.

    Attributes:
        name: `CLOSED_FORM`, or `COUNTED`, which leaves out elementwise operations.
        form: The FLOPs by length.
    """

    name: str
    form: FlopForm


def flop_source(shape: ModelShape) -> FlopSource:
    """Return the closed form of a decoder-only shape, or else its passes counted on the meta device.

    Raises:
        GistevalError: There is no closed form and the model can't run on the meta device.
    """
    if isinstance(shape.closed, DecoderShape):
        return FlopSource(CLOSED_FORM, ClosedForm(shape.closed))
    counter = OperatorCounter(shape.config)
    return FlopSource(COUNTED, counted_form(str(shape.config["model_type"]), counter.matrix))


@dataclass(frozen=True, slots=True)
class MeanFlops:
    """Mean FLOPs of one example.

    The output matrix runs on the last position only, and not at all when compressing, as in the adapters.

    Attributes:
        compress: Making the prompt ready, once.
        prefill: Running the input, at each use.
        decode: All decoded tokens after the first, at each use.
    """

    compress: float
    prefill: float
    decode: float

    @property
    def each(self) -> float:
        """FLOPs of one use."""
        return self.prefill + self.decode


def mean_flops(form: FlopForm, lengths: Sequence[PassLengths], steps: int) -> MeanFlops:
    """Return the mean FLOPs of one serving mode over its examples.

    Args:
        form: FLOPs by length.
        lengths: The lengths of each example's passes.
        steps: Decoded tokens after the first.
    """
    return MeanFlops(
        compress=fmean(_compress(form, item) for item in lengths),
        prefill=fmean(
            form.forward(item.run, item.cached, 1) + form.forward(item.again, 0, 0) for item in lengths
        ),
        decode=fmean(form.decode(item.run, item.cached, steps) for item in lengths),
    )


def _compress(form: FlopForm, item: PassLengths) -> int:
    """FLOPs of one prompt's pass, and of what compression runs beside it."""
    beside = (part.count * form.forward(part.tokens, part.cached, part.tokens) for part in item.beside)
    return form.forward(item.compressed, 0, 0) + sum(beside)
