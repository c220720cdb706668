"""Scores a file of predictions made anywhere: CSV, JSON Lines, or a JSON list of objects."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from gisteval.importer.rows import read_rows, texts
from gisteval.metrics import TextMetric, Unread, metric, word_count
from gisteval.metrics.rouge import NO_TOKEN
from gisteval.records.schema import Estimate, finite
from gisteval.scores.comparison import mean_of

_DEFAULT_CLUSTER_COLUMN = "instruction"


@dataclass(frozen=True, slots=True)
class FileScores:
    """The scores of one file; both estimates are in percent.

    `rouge_l` is the plain mean of the examples' F1; `length` the mean number of words of a
    prediction. `zero_token_references` counts the references that ROUGE sees no token in (texts
    in another script, say): they score 0 whatever the prediction, but `rouge_l_unicode` and
    `exact_match` see them. `signature` says how the numbers come about.
    """

    file: str
    n: int
    rouge_l: Estimate
    rouge_l_unicode: Estimate
    exact_match: Estimate
    length: float
    empty_predictions: int
    zero_token_references: int
    signature: str

    def summary(self) -> str:
        """One readable line; ROUGE-L of Unicode words is in it where some reference needs it."""
        words = f"on Unicode words {_with_interval(self.rouge_l_unicode)}, "
        return (
            f"{self.file}: n {self.n}, ROUGE-L {_with_interval(self.rouge_l)}, "
            f"{words if self.zero_token_references else ''}"
            f"exact match {_with_interval(self.exact_match)}"
        )

    def warning(self) -> str | None:
        """What a reader of ROUGE-L must know; None if it reads every reference."""
        unread = Unread(self.zero_token_references, self.n, NO_TOKEN)
        if not unread:
            return None
        return f"{self.file}: {unread}: read rougeL_unicode or the exact match there"

    def as_row(self) -> dict[str, str | int | float | None]:
        """A flat row for JSON or a table; an infinite limit becomes None."""
        return {
            "file": self.file,
            "n": self.n,
            "rougeL": self.rouge_l.value,
            "rougeL_ci_low": finite(self.rouge_l.ci_low),
            "rougeL_ci_high": finite(self.rouge_l.ci_high),
            "rougeL_unicode": self.rouge_l_unicode.value,
            "rougeL_unicode_ci_low": finite(self.rouge_l_unicode.ci_low),
            "rougeL_unicode_ci_high": finite(self.rouge_l_unicode.ci_high),
            "exact_match": self.exact_match.value,
            "exact_match_ci_low": finite(self.exact_match.ci_low),
            "exact_match_ci_high": finite(self.exact_match.ci_high),
            "length": self.length,
            "empty_predictions": self.empty_predictions,
            "zero_token_references": self.zero_token_references,
            "signature": self.signature,
        }


def score_file(
    path: str | Path,
    prediction_column: str = "y_pred",
    reference_column: str = "y_true",
    cluster_column: str | None = None,
    confidence: float = 0.95,
) -> FileScores:
    """Score the predictions of a file against its references.

    The format follows from the name (`.jsonl` or `.ndjson`, `.json`, `.tsv`, otherwise CSV), the
    encoding is UTF-8.
    Rows with the same text in `cluster_column` are clusters of the intervals; by default that
    is the column `instruction`, if there is one. An empty prediction counts, with a score of 0.
    Raises GistevalError if the file is missing, can't be parsed, lacks a column, has no rows,
    or holds something other than text in one of the columns.
    """
    path = Path(path)
    rows = read_rows(path)
    predictions = texts(rows, prediction_column, path)
    references = texts(rows, reference_column, path)
    if cluster_column is None and any(_DEFAULT_CLUSTER_COLUMN in row for row in rows):
        cluster_column = _DEFAULT_CLUSTER_COLUMN
    clusters = None if cluster_column is None else texts(rows, cluster_column, path)

    def mean(name: str) -> Estimate:
        scorer = _text_metric(name)
        pairs = zip(predictions, references, strict=True)
        values = np.array([scorer.of_texts(prediction, reference) for prediction, reference in pairs])
        return mean_of(scorer, values, clusters, confidence)

    rouge, matches = mean("rougeL"), mean("exact_match")
    return FileScores(
        file=str(path),
        n=len(predictions),
        rouge_l=rouge,
        rouge_l_unicode=mean("rougeL-unicode"),
        exact_match=matches,
        length=float(np.mean([word_count(prediction) for prediction in predictions])),
        empty_predictions=sum(not prediction.strip() for prediction in predictions),
        zero_token_references=metric("rougeL").unread(references).count,
        signature=_signature(rouge, matches, cluster_column),
    )


def _text_metric(name: str) -> TextMetric:
    scorer = metric(name)
    assert isinstance(scorer, TextMetric)
    return scorer


def _with_interval(estimate: Estimate) -> str:
    if finite(estimate.ci_low) is None:
        return f"{estimate.value:.2f} (no interval: one {'example' if estimate.n == 1 else 'cluster'})"
    return f"{estimate.value:.2f} [{estimate.ci_low:.2f}, {estimate.ci_high:.2f}]"


def _signature(rouge: Estimate, matches: Estimate, cluster_column: str | None) -> str:
    try:
        release = version("gisteval")
    except PackageNotFoundError:
        release = "source"
    return "|".join(
        (
            "rougeL:f1-mean",
            "tokens:rouge_score-0.1.2",
            "stemmer:porter",
            f"ci:{rouge.method}-{rouge.confidence:g}",
            "exact_match:stripped",
            f"ci:{matches.method}-{matches.confidence:g}",
            f"clusters:{cluster_column or 'none'}",
            f"gisteval:{release}",
        )
    )
