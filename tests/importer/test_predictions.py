"""Predictions of other tools: labels by file names, and examples matched by content."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gisteval.importer.predictions import Columns, PredictionFile, read_predictions


@pytest.mark.parametrize(
    ("name", "condition", "k", "label"),
    [
        ("mine-gist-5.csv", None, None, ("mine-gist-5", "gist", 5)),
        ("mine-gist-5.csv", None, 7, ("mine-gist-5", "gist", 7)),
        ("full.csv", "pos_control", None, ("full", "pos_control", 0)),
        ("other.csv", None, 3, ("other", None, 3)),
    ],
)
def test_a_name_may_say_condition_and_k(name: str, condition, k: int | None, label: tuple) -> None:
    found = PredictionFile(Path(name), condition, k).label
    assert (found.name, found.condition, found.k) == label


def test_an_example_that_a_file_lacks_is_a_failure_and_repeats_are_copies(tmp_path: Path) -> None:
    def file(name: str, rows: list[tuple[str, str]]) -> PredictionFile:
        lines = (json.dumps({"instruction": i, "y_pred": o, "y_true": "r"}) for i, o in rows)
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines))
        return PredictionFile(tmp_path / name, None)

    files = [file("a.jsonl", [("1", "x"), ("2", "y"), ("2", "y")]), file("b.jsonl", [("2", "w")])]
    first, second = read_predictions(files, Columns(), "task", "split")
    assert [record.output for record in first.records()] == ["x", "y", "y"]
    assert len({record.content for record in first.records()}) == 3
    assert [record.output for record in second.records()] == ["w"]
