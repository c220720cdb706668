"""Exports are read back by the tools they are written for, with the numbers of results.json."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from finished_runs import EXAMPLES, finished_run

from gisteval.errors import MissingExtra
from gisteval.integrations.eval_logs import WRITERS, write_inspect, write_lm_eval
from gisteval.records.run_folder import RunFolder

RIGHT = {"m-gist-1": 1, "m-gist-4": 3}


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return finished_run(tmp_path / "run", RIGHT)


def test_lm_eval_makes_its_table_of_our_results(run, tmp_path) -> None:
    utils = pytest.importorskip("lm_eval.utils")
    files = write_lm_eval(run, tmp_path / "out")
    assert [file.parent.name for file in files] == ["m-gist-1", "m-gist-1", "m-gist-4", "m-gist-4"]
    for results, count in zip(files[1::2], RIGHT.values(), strict=True):
        content = json.loads(results.read_text())
        assert content["results"]["t_s"]["exact_match,none"] == count / EXAMPLES
        lines = [line for line in utils.make_table(content).splitlines() if "exact_match " in line]
        (cells,) = ([cell.strip() for cell in line.split("|")] for line in lines)
        assert float(cells[7]) == count / EXAMPLES and cells[6] == "↑"
    for samples, count in zip(files[::2], RIGHT.values(), strict=True):
        rows = [json.loads(line) for line in samples.read_text().splitlines()]
        assert [row["doc_id"] for row in rows] == [f"e{n}" for n in range(EXAMPLES)]
        assert sum(row["exact_match"] for row in rows) == count
        assert [row["filtered_resps"] == [row["target"]] for row in rows] == [
            row["exact_match"] == 1 for row in rows
        ]


def test_lm_evals_own_keys_are_those_of_its_schema(run, tmp_path) -> None:
    schema = pytest.importorskip("lm_eval.result_schema")
    content = json.loads(write_lm_eval(run, tmp_path / "out")[1].read_text())
    known = {name for kind in vars(schema).values() for name in getattr(kind, "__annotations__", ())}
    assert set(content) - known <= {"model_name", "model_name_sanitized", "model_source"}


def test_inspect_reads_our_logs(run, tmp_path) -> None:
    log = pytest.importorskip("inspect_ai.log")
    files = write_inspect(run, tmp_path / "out")
    assert len(log.list_eval_logs(str(tmp_path / "out"))) == len(files) == len(RIGHT)
    for file, (system, count) in zip(files, RIGHT.items(), strict=True):
        found = log.read_eval_log(str(file))
        assert (found.status, found.eval.task, found.eval.model) == ("success", "t_s", f"gisteval/{system}")
        (exact,) = [score for score in found.results.scores if score.name == "exact_match"]
        assert exact.metrics["mean"].value == count / EXAMPLES
        assert [sample.scores["exact_match"].value for sample in found.samples] == [1.0] * count + [0.0] * (
            4 - count
        )
        assert (
            found.stats.started_at and found.stats.completed_at
        )  # else the viewer's duration is no number
        assert [(message.role, message.text) for message in found.samples[0].messages] == [
            ("user", "say 0\n\nin 0"),
            ("assistant", found.samples[0].output.completion),
        ]
        assert (
            found.samples[0].input == "say 0\n\nin 0"
            and found.samples[0].output.completion == "word0 twice"
        )


def test_without_inspect_the_extra_is_named(run, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "inspect_ai.log", None)
    with pytest.raises(MissingExtra, match=r"gisteval\[inspect\]"):
        write_inspect(run, tmp_path / "out")


def test_the_writers_have_the_tools_names() -> None:
    assert list(WRITERS) == ["inspect", "lm-eval"]
