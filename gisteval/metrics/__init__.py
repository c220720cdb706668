"""Metrics, one value per example first; means and intervals come from `gisteval.stats`."""

from gisteval.metrics.rouge import RougeL, rouge_l, rouge_l_f1, rouge_tokens
from gisteval.metrics.text import exact_match, word_count

__all__ = ["RougeL", "exact_match", "rouge_l", "rouge_l_f1", "rouge_tokens", "word_count"]
