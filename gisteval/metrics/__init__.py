"""Metrics, one value per example first; means and intervals come from `gisteval.stats`."""

from gisteval.metrics.chrf import chrf
from gisteval.metrics.rouge import RougeL, Unread, rouge_l, rouge_l_f1, rouge_tokens, unread
from gisteval.metrics.text import exact_match, word_count
from gisteval.metrics.unicode_words import rouge_l_unicode, unicode_tokens

__all__ = [
    "RougeL",
    "Unread",
    "chrf",
    "exact_match",
    "rouge_l",
    "rouge_l_f1",
    "rouge_l_unicode",
    "rouge_tokens",
    "unicode_tokens",
    "unread",
    "word_count",
]
