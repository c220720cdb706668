"""Scores a file of predictions made anywhere: CSV, JSON Lines, or a JSON list of objects."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeAlias

import numpy as np

from gisteval.errors import GistevalError
from gisteval.metrics import exact_match, rouge_l_f1, rouge_tokens, word_count
from gisteval.schema import Estimate, finite
from gisteval.stats import mean_interval, proportion_interval

_DEFAULT_CLUSTER_COLUMN = "instruction"

_Row: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True)
class FileScores:
    """The scores of one file; both estimates are in percent.

    `rouge_l` is the plain mean of the examples' F1; `length` the mean number of words of a
    prediction. `zero_token_references` counts the references that ROUGE sees no token in (texts
    in another script, say): they score 0 whatever the prediction, and only `exact_match` sees
    them. `signature` says how the numbers come about.
    """

    file: str
    n: int
    rouge_l: Estimate
    exact_match: Estimate
    length: float
    empty_predictions: int
    zero_token_references: int
    signature: str

    def summary(self) -> str:
        """One readable line."""
        return (
            f"{self.file}: n {self.n}, ROUGE-L {_with_interval(self.rouge_l)}, "
            f"exact match {_with_interval(self.exact_match)}"
        )

    def as_row(self) -> dict[str, str | int | float | None]:
        """A flat row for JSON or a table; an infinite limit becomes None."""
        return {
            "file": self.file,
            "n": self.n,
            "rougeL": self.rouge_l.value,
            "rougeL_ci_low": finite(self.rouge_l.ci_low),
            "rougeL_ci_high": finite(self.rouge_l.ci_high),
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
    rows = _read_rows(path)
    predictions = _texts(rows, prediction_column, path)
    references = _texts(rows, reference_column, path)
    if cluster_column is None and any(_DEFAULT_CLUSTER_COLUMN in row for row in rows):
        cluster_column = _DEFAULT_CLUSTER_COLUMN
    clusters = None if cluster_column is None else _texts(rows, cluster_column, path)

    rouge = mean_interval(rouge_l_f1(predictions, references), clusters, confidence)
    matches = proportion_interval(
        [exact_match(ours, theirs) for ours, theirs in zip(predictions, references, strict=True)],
        clusters,
        confidence,
    )
    return FileScores(
        file=str(path),
        n=len(predictions),
        rouge_l=rouge,
        exact_match=matches,
        length=float(np.mean([word_count(prediction) for prediction in predictions])),
        empty_predictions=sum(not prediction.strip() for prediction in predictions),
        zero_token_references=sum(not rouge_tokens(reference) for reference in references),
        signature=_signature(rouge, matches, cluster_column),
    )


def _with_interval(estimate: Estimate) -> str:
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


def _read_rows(path: Path) -> list[_Row]:
    if not path.is_file():
        raise GistevalError(f"{path}: no such file; give a CSV, JSON or JSON Lines file")
    try:
        if path.suffix in (".jsonl", ".ndjson"):
            rows = _read_json_lines(path)
        elif path.suffix == ".json":
            rows = _read_json_list(path)
        else:
            rows = _read_csv(path)
    except UnicodeDecodeError as error:
        raise GistevalError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise GistevalError(f"{path}: can't be read ({error.strerror}); check the file") from error
    if not rows:
        raise GistevalError(f"{path}: no rows to score; check what wrote the file")
    return rows


def _read_csv(path: Path) -> list[_Row]:
    # The csv module and not pandas: that fills a row cut short with empty texts, in silence.
    rows: list[_Row] = []
    with (
        path.open(encoding="utf-8-sig", newline="") as lines,
        _field_size_limit(path.stat().st_size),
    ):
        reader = csv.reader(lines, strict=True, delimiter="\t" if path.suffix == ".tsv" else ",")
        try:
            header = next(reader, [])
            for fields in reader:
                if not fields:
                    continue
                if len(fields) != len(header):
                    raise csv.Error(f"{len(fields)} fields, but the header has {len(header)}")
                rows.append(dict(zip(header, fields, strict=True)))
        except csv.Error as error:
            raise GistevalError(
                f"{path}, line {reader.line_num}: not CSV ({error}); quote fields that hold "
                "commas, or name the file .json or .jsonl"
            ) from error
    repeated = [name for name, times in Counter(header).items() if times > 1]
    if repeated:
        raise GistevalError(f"{path}: several columns are named {repeated[0]!r}; rename them")
    return rows


@contextmanager
def _field_size_limit(size: int) -> Iterator[None]:
    """Let a field be as long as the file: the csv module stops at 128 KiB, a long prompt's size."""
    before = csv.field_size_limit()
    csv.field_size_limit(max(before, size))
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _read_json_lines(path: Path) -> list[_Row]:
    # Only a newline ends a record: str.splitlines would also split at U+2028 inside a text.
    lines = path.read_text(encoding="utf-8-sig").split("\n")
    records = [
        _parse_json(line, f"{path}, line {number}")
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]
    return _check_objects(records, path)


def _read_json_list(path: Path) -> list[_Row]:
    records = _parse_json(path.read_text(encoding="utf-8-sig"), str(path))
    if not isinstance(records, list):
        raise GistevalError(f"{path}: expected a list of objects; name the file .jsonl if each line is one")
    return _check_objects(records, path)


def _parse_json(text: str, where: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise GistevalError(
            f"{where}: not JSON ({error.msg} at column {error.colno}); write one object a line "
            "in .jsonl, one list of objects in .json"
        ) from error


def _check_objects(records: list[object], path: Path) -> list[_Row]:
    rows: list[_Row] = []
    for number, record in enumerate(records, start=1):
        if not isinstance(record, dict):
            raise GistevalError(
                f"{path}: record {number} is no object; write one with named texts for each example"
            )
        rows.append(record)
    return rows


def _texts(rows: list[_Row], column: str, path: Path) -> list[str]:
    columns = dict.fromkeys(name for row in rows for name in row)
    if column not in columns:
        raise GistevalError(
            f"{path}: no column {column!r}; it has {', '.join(columns)}: name the right one"
        )
    texts: list[str] = []
    for number, row in enumerate(rows, start=1):
        text = row.get(column)
        if not isinstance(text, str):
            raise GistevalError(
                f"{path}: row {number} has no text in column {column!r}; "
                "write a string, an empty one if there is no output"
            )
        texts.append(text)
    return texts
