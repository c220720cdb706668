"""FLOPs and bytes of measured ways: what stands beside their wall times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from gisteval.profiling.closed_form import decode, forward
from gisteval.profiling.meta import Pass
from gisteval.profiling.operators import OperatorCounter
from gisteval.profiling.passes import Lengths
from gisteval.profiling.shapes import ModelShape


@dataclass(frozen=True, slots=True)
class Work:
    """Mean FLOPs of one example, and the slots that its passes read.

    source: "closed form", or "torch" (counted on the meta device at the mean lengths, which leaves out what
    is elementwise). decode covers all decoded tokens. The output matrix runs on the last position only, and
    not at all when compressing, as the adapter does it.
    """

    compress: float
    prefill: float
    decode: float
    source: str
    mean_run: float
    mean_cached: float

    @property
    def each(self) -> float:
        """What one use costs."""
        return self.prefill + self.decode


def work_of(shape: ModelShape, found: Sequence[Lengths], steps: int) -> Work:
    """The work of one way over its examples, with `steps` decoded tokens after the first.

    Raises GistevalError if there is no closed form and the model can't run on the meta device.
    """
    run, cached = fmean(item.run for item in found), fmean(item.cached for item in found)
    closed = shape.closed
    if closed is not None:
        return Work(
            compress=fmean(
                forward(closed, item.compressed, 0, logits=0).total if item.compressed else 0
                for item in found
            ),
            prefill=fmean(forward(closed, item.run, item.cached, logits=1).total for item in found),
            decode=fmean(decode(closed, item.run, item.cached, steps).total for item in found),
            source="closed form",
            mean_run=run,
            mean_cached=cached,
        )
    counter = OperatorCounter(shape.config)
    compressed = round(fmean(item.compressed for item in found))
    return Work(
        compress=float(counter.count(Pass(compressed, 0)).torch) if compressed else 0.0,
        prefill=float(counter.count(Pass(round(run), round(cached))).torch),
        decode=float(counter.count_decoding(round(run), round(cached), steps, False).torch),
        source="torch, output matrix on every position",
        mean_run=run,
        mean_cached=cached,
    )
