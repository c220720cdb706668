"""Metrics of single examples. Means and intervals come from `gisteval.stats` and `gisteval.scores`."""

from gisteval.metrics.base import (
    ControlMetric,
    JudgedMetric,
    Metric,
    OutputMetric,
    RatioMetric,
    TextMetric,
    Unread,
)
from gisteval.metrics.catalogue import LEADING, leading_metric, metric, metrics_of, output_metrics
from gisteval.metrics.chrf import chrf
from gisteval.metrics.rouge import RougeL, rouge_l, rouge_l_f1, rouge_tokens, unread
from gisteval.metrics.text import exact_match, word_count
from gisteval.metrics.unicode_words import rouge_l_unicode, unicode_tokens

__all__ = [
    "LEADING",
    "ControlMetric",
    "JudgedMetric",
    "Metric",
    "OutputMetric",
    "RatioMetric",
    "RougeL",
    "TextMetric",
    "Unread",
    "chrf",
    "exact_match",
    "leading_metric",
    "metric",
    "metrics_of",
    "output_metrics",
    "rouge_l",
    "rouge_l_f1",
    "rouge_l_unicode",
    "rouge_tokens",
    "unicode_tokens",
    "unread",
    "word_count",
]
