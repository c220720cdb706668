"""Metrics that look for reference texts in the output, and the choice that a model finds most likely.

Source: C.-P. Hsieh et al., "RULER: What's the Real Context Size of Your Long-Context Language Models?"
(arXiv 2404.06654), whose scores are the two string matches here. A reference of several texts has one on
each line.
"""

from __future__ import annotations

import re

from gisteval.metrics.base import OutputMetric, TextMetric
from gisteval.metrics.text import exact_match
from gisteval.records.schema import Example, Generation

_CONCLUSION = re.compile(r"\bthe answer is:?\s+", re.IGNORECASE)


def references_of(reference: str) -> list[str]:
    """The texts of a reference, its lines; a reference without a line break is one text."""
    return [line for line in reference.split("\n") if line] or [reference]


def found_in(output: str, reference: str) -> list[bool]:
    """Say of each text of a reference whether the output holds it, whatever its case."""
    return [text.lower() in output.lower() for text in references_of(reference)]


def final_answer(output: str) -> str:
    """The answer that a text ends with: what follows its last "the answer is", else its first line.

    A full stop at the end is no part of an answer.
    """
    parts = _CONCLUSION.split(output)
    lines = parts[-1].strip().splitlines() or [""]
    answer = lines[0].strip()
    return answer.removesuffix(".") if len(parts) > 1 else answer


class StringMatchAll(TextMetric):
    """The share of the reference's texts that the output holds, as RULER scores all but questions."""

    name = "string_match_all"
    title = "found, all"

    def of_texts(self, output: str, reference: str) -> float:
        """Return the share in percent. Case does not count."""
        found = found_in(output, reference)
        return 100.0 * sum(found) / len(found)


class StringMatchPart(TextMetric):
    """Whether the output holds one of the reference's texts, as RULER scores answers to questions."""

    name = "string_match_part"
    title = "found, any"
    checks = True

    def of_texts(self, output: str, reference: str) -> float:
        """Return 100 or 0. Case does not count."""
        return 100.0 * any(found_in(output, reference))


class AnswerMatch(TextMetric):
    """The share of outputs whose final answer equals the reference."""

    name = "answer_match"
    title = "final answer"
    checks = True

    def of_texts(self, output: str, reference: str) -> float:
        """Return 100 or 0. The answer is what follows the last "the answer is", else the first line."""
        return 100.0 * exact_match(final_answer(output), reference)


class Choice(OutputMetric):
    """The share of examples of whose choices the model finds the reference most likely."""

    name = "choice"
    title = "choice"

    def applies_to(self, example: Example) -> bool:
        """Say whether the example has choices."""
        return example.choices is not None

    def value(self, generation: Generation, example: Example) -> float | None:
        """Return 100 or 0; None if no choice was recorded."""
        return None if generation.choice is None else 100.0 * (generation.choice == example.output)
