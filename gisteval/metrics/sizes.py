"""Lengths and memory as the record states them, and whether an output was cut short."""

from __future__ import annotations

from typing import ClassVar

from gisteval.metrics.base import Measurement, OutputMetric
from gisteval.records.schema import Example, Generation


class Size(Measurement, OutputMetric):
    """A number that the record holds.

    Attributes:
        field: The name of the record's field. Empty: the metric's name.
    """

    digits = 0
    field: ClassVar[str] = ""

    def value(self, generation: Generation, example: Example) -> float | None:
        """Return the recorded number."""
        recorded: float | None = getattr(generation, self.field or self.name)
        return None if recorded is None else float(recorded)


class OutputTokens(Size):
    """The number of tokens of the output."""

    name = "output_tokens"
    title = "output tokens"
    unit = "tokens"


class SourceTokens(Size):
    """The number of tokens of the uncompressed prompt, including the template's."""

    name = "source_tokens"
    title = "prompt tokens"
    unit = "tokens"


class TemplateTokens(Size):
    """The number of the prompt's tokens that belong to the template."""

    name = "template_tokens"
    title = "template tokens"
    unit = "tokens"


class Kept(Size):
    """The number of slots kept for the prompt, including the template's."""

    name = "kept"
    title = "slots kept"
    unit = "slots"


class Bytes(Size):
    """The memory of a compressed prompt in bytes."""

    name = "bytes"
    title = "bytes a prompt"
    unit = "bytes"


class Unfinished(OutputMetric):
    """The share of outputs that ended at the length limit."""

    name = "unfinished"
    title = "unfinished"
    direction = "lower"
    graded = False
    paired = False
    compared = False

    def value(self, generation: Generation, example: Example) -> float | None:
        """Return 100 or 0."""
        return None if generation.finished is None else 100.0 * (not generation.finished)
