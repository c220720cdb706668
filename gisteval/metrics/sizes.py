"""What a record states of lengths and memory, and whether an output was cut short."""

from __future__ import annotations

from typing import ClassVar

from gisteval.metrics.base import OutputMetric
from gisteval.records.schema import Example, Generation


class Size(OutputMetric):
    """A number of the record. field: its name there, by default the metric's own."""

    direction = "neither"
    high = None
    graded = False
    paired = False
    compared = False
    digits = 0
    field: ClassVar[str] = ""

    def value(self, generation: Generation, example: Example) -> float | None:
        """As the record has it."""
        found: float | None = getattr(generation, self.field or self.name)
        return None if found is None else float(found)


class OutputTokens(Size):
    """Tokens of the output."""

    name = "output_tokens"
    title = "output tokens"
    unit = "tokens"


class SourceTokens(Size):
    """Tokens of the prompt that is compressed, the template's among them."""

    name = "source_tokens"
    title = "prompt tokens"
    unit = "tokens"


class TemplateTokens(Size):
    """Tokens of the prompt that are the template's."""

    name = "template_tokens"
    title = "template tokens"
    unit = "tokens"


class Kept(Size):
    """Slots kept of the prompt, the template's among them."""

    name = "kept"
    title = "slots kept"
    unit = "slots"


class Bytes(Size):
    """Memory of a compressed prompt."""

    name = "bytes"
    title = "bytes a prompt"
    unit = "bytes"


class Unfinished(OutputMetric):
    """Share of outputs that a length limit ended."""

    name = "unfinished"
    title = "unfinished"
    direction = "lower"
    graded = False
    paired = False
    compared = False

    def value(self, generation: Generation, example: Example) -> float | None:
        """100 or 0."""
        return None if generation.finished is None else 100.0 * (not generation.finished)
