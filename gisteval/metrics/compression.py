"""Compression of the instruction; the template's tokens are not counted.

A compression factor is the number of the instruction's tokens divided by the number of slots that are kept
for it. There are three: as the budget asks, as achieved (both are means of the examples' ratios), and the
ratio of the mean lengths. Controls compress nothing and have none.
"""

from __future__ import annotations

from collections.abc import Mapping

from gisteval.metrics.base import FloatArray, Measurement, OutputMetric, RatioMetric
from gisteval.records.schema import Example, Generation
from gisteval.registry import compresses, keeps_gists


def instruction_slots(generation: Generation) -> tuple[int | None, int | None]:
    """Return the instruction's tokens and its slots, both without the template's; None if unknown."""
    source, template, slots = generation.source_tokens, generation.template_tokens, generation.kept
    if source is None or template is None:
        return None, None
    return source - template, None if slots is None else slots - (generation.kept_template or 0)


def _compressed(generation: Generation) -> tuple[int, int] | None:
    """Return both sizes if the prompt is compressed and they are known, else None."""
    instruction, slots = instruction_slots(generation)
    if instruction is None or slots is None or not compresses(generation.compressor):
        return None
    return instruction, slots


def _factor(instruction: int, slots: int) -> float | None:
    """Return the instruction's tokens per slot. An empty instruction keeps its length: its factor is 1."""
    if slots:
        return instruction / slots
    return None if instruction else 1.0


class KeptInstruction(Measurement, OutputMetric):
    """The number of slots kept for the instruction."""

    name = "kept_instruction"
    title = "slots kept of the instruction"
    unit = "slots"
    digits = 0

    def value(self, generation: Generation, example: Example) -> float | None:
        """Return the number of slots."""
        sizes = _compressed(generation)
        return None if sizes is None else float(sizes[1])


class Requested(Measurement, OutputMetric):
    """The compression factor that the budget asks for."""

    name = "compression_requested"
    title = "compression asked"
    unit = "ratio"

    def value(self, generation: Generation, example: Example) -> float | None:
        """Return tokens per slot."""
        sizes = _compressed(generation)
        if sizes is None:
            return None
        if generation.asked is not None:
            return _factor(sizes[0], generation.asked)
        # Older records don't state the budget: a gist was asked for k slots.
        return _factor(sizes[0], generation.k) if keeps_gists(generation.compressor) else None


class Achieved(Measurement, OutputMetric):
    """The compression factor that was achieved."""

    name = "compression_achieved"
    title = "compression achieved"
    unit = "ratio"

    def value(self, generation: Generation, example: Example) -> float | None:
        """Return tokens per slot."""
        sizes = _compressed(generation)
        return None if sizes is None else _factor(*sizes)


class OfMeans(Measurement, RatioMetric):
    """The mean number of the instruction's tokens divided by the mean number of slots kept for it."""

    name = "compression_ratio_of_means"
    title = "of mean lengths"
    unit = "ratio"

    def parts(self, columns: Mapping[str, FloatArray]) -> tuple[FloatArray, FloatArray] | None:
        """Return the instruction's tokens and the slots kept for it."""
        if "compression_achieved" not in columns:
            return None
        return columns["source_tokens"] - columns["template_tokens"], columns["kept_instruction"]
