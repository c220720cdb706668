"""How much shorter an instruction became, without the template's tokens.

Each factor is the instruction's tokens over the slots kept for it: as the budget asks, as achieved (both
are means of the examples' ratios), and the ratio of the mean lengths. Controls compress nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from gisteval.metrics.base import FloatArray, OutputMetric, RatioMetric
from gisteval.records.schema import Example, Generation
from gisteval.registry import compresses, keeps_gists


def instruction_slots(generation: Generation) -> tuple[int | None, int | None]:
    """Tokens of the instruction, and slots kept for it, both without the template's; None if not known."""
    source, template, kept = generation.source_tokens, generation.template_tokens, generation.kept
    if source is None or template is None:
        return None, None
    return source - template, None if kept is None else kept - (generation.kept_template or 0)


def _compressed(generation: Generation) -> tuple[int, int] | None:
    """The same of a prompt that is compressed and whose lengths are known."""
    instruction, kept = instruction_slots(generation)
    if instruction is None or kept is None or not compresses(generation.compressor):
        return None
    return instruction, kept


def _factor(instruction: int, slots: int) -> float | None:
    """Tokens of the instruction for each slot; one without a token is as long as it was."""
    if slots:
        return instruction / slots
    return None if instruction else 1.0


class KeptInstruction(OutputMetric):
    """Slots kept of the instruction."""

    name = "kept_instruction"
    title = "slots kept of the instruction"
    unit = "slots"
    direction = "neither"
    high = None
    graded = False
    paired = False
    compared = False
    digits = 0

    def value(self, generation: Generation, example: Example) -> float | None:
        """In slots."""
        found = _compressed(generation)
        return None if found is None else float(found[1])


class Requested(OutputMetric):
    """The compression that the budget asks for."""

    name = "compression_requested"
    title = "compression asked"
    unit = "ratio"
    direction = "neither"
    high = None
    graded = False
    paired = False
    compared = False

    def value(self, generation: Generation, example: Example) -> float | None:
        """Tokens a slot."""
        found = _compressed(generation)
        if found is None:
            return None
        if generation.asked is not None:
            return _factor(found[0], generation.asked)
        # Records of before this was written down ask a gist for k slots.
        return _factor(found[0], generation.k) if keeps_gists(generation.compressor) else None


class Achieved(OutputMetric):
    """The compression that was achieved."""

    name = "compression_achieved"
    title = "compression achieved"
    unit = "ratio"
    direction = "neither"
    high = None
    graded = False
    paired = False
    compared = False

    def value(self, generation: Generation, example: Example) -> float | None:
        """Tokens a slot."""
        found = _compressed(generation)
        return None if found is None else _factor(*found)


class OfMeans(RatioMetric):
    """Mean tokens of the instruction over mean slots kept of it."""

    name = "compression_ratio_of_means"
    title = "of mean lengths"
    unit = "ratio"
    direction = "neither"
    high = None
    graded = False
    paired = False
    compared = False

    def parts(self, columns: Mapping[str, FloatArray]) -> tuple[FloatArray, FloatArray] | None:
        """Tokens of the instruction and slots kept of it."""
        if "compression_achieved" not in columns:
            return None
        return columns["source_tokens"] - columns["template_tokens"], columns["kept_instruction"]
