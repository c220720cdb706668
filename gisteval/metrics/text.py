"""Metrics that need nothing but the two strings."""

from __future__ import annotations


def exact_match(prediction: str, reference: str) -> bool:
    """Whether the texts are the same once white space is stripped from both ends.

    Otherwise strict: case, punctuation, inner white space and Unicode normal form all count.
    """
    return prediction.strip() == reference.strip()


def word_count(text: str) -> int:
    """Length in words, that is in runs of characters other than white space."""
    return len(text.split())
