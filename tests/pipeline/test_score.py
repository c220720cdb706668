"""A folder is scored alike by a run, an import and again later, with any metric that is installed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gisteval.errors import GistevalError
from gisteval.gate.compare import compare
from gisteval.gate.gate import run_gate
from gisteval.gate.options import GateOptions
from gisteval.gate.sides import choose_side
from gisteval.importer.predictions import Columns
from gisteval.metrics.rouge import RougeLMetric
from gisteval.metrics.text import ExactMatch
from gisteval.pipeline.imports.predictions import PredictionOptions, import_predictions
from gisteval.pipeline.score import score_run
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import ResultRow
from gisteval.scores.lines import read_single_outputs

PLUGIN = '''
from gisteval.metrics import OutputMetric


class FirstWord(OutputMetric):
    """Whether the first word is right."""

    name = "first_word"
    title = "first word"

    def value(self, generation, example):
        return 100.0 * (generation.output.split()[:1] == example.output.split()[:1])


class Shortness(OutputMetric):
    """Letters of the output."""

    name = "letters"
    title = "letters"
    unit = "letters"
    direction = "lower"
    high = None
    graded = False

    def value(self, generation, example):
        return float(len(generation.output))
'''
N = 60


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """An import of a candidate between its controls, wrong in one of six and without one output."""
    texts = [f"{n} cats sing" for n in range(N)]
    answers = {
        "full": texts,
        "mine": ["no idea" if n % 6 == 3 else text for n, text in enumerate(texts)],
        "none": ["no idea"] * N,
    }
    files = {}
    for name, outputs in answers.items():
        files[name] = tmp_path / f"{name}.jsonl"
        rows = [
            {"instruction": f"say {text}", "y_pred": output, "y_true": text}
            for text, output in zip(texts, outputs, strict=True)
        ]
        files[name].write_text("".join(json.dumps(row) + "\n" for row in rows[name == "mine" :]))
    columns = Columns("instruction", None, "y_pred", "y_true")
    options = PredictionOptions((files["mine"],), files["full"], files["none"], columns, "t", "all", 1, "x")
    return import_predictions(options, tmp_path / "run").path


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two metrics of a package that is installed: a module, and a dist-info folder with entry points."""
    site = tmp_path / "site"
    info = site / "first_word_metric-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "first_word_metric.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: first-word-metric\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[gisteval.metrics]\n"
        "first_word = first_word_metric:FirstWord\n"
        "letters = first_word_metric:Shortness\n"
    )
    monkeypatch.syspath_prepend(str(site))
    yield
    sys.modules.pop("first_word_metric", None)


def name_metrics(run: Path, *names: str) -> None:
    """As if the run's task named these."""
    file = run / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "metrics": names}))


def rows(run: Path) -> dict[tuple[str, str], ResultRow]:
    return {(row.system, row.metric): row for row in RunFolder.open(run).results()}


def lines(run: Path, system: str = "mine") -> list[dict]:
    return [json.loads(line) for line in (run / "scores" / f"{system}.jsonl").read_text().splitlines()]


def test_scoring_again_changes_nothing(run: Path) -> None:
    before = (run / "results.json").read_bytes()
    scores = {file: file.read_bytes() for file in (run / "scores").iterdir()}
    assert len(scores) == 3
    score_run(run)
    assert (run / "results.json").read_bytes() == before
    assert {file: file.read_bytes() for file in (run / "scores").iterdir()} == scores


def test_a_line_holds_the_values_of_one_output(run: Path) -> None:
    found = lines(run)
    assert len(found) == N - 1
    # Example 3 is the third that there is an output for: "no idea" shares no word with its reference.
    assert found[2]["values"] | {"rougeL": 0.0, "exact_match": 0.0, "length": 2.0} == found[2]["values"]
    assert found[0]["values"]["rougeL"] == 100.0
    assert {line["split"] for line in found} == {"all"}


def test_stored_values_are_what_reading_computes(run: Path) -> None:
    """A folder of before there were scores is read alike, and so is one that can't be written."""
    folder = RunFolder.open(run)

    def read() -> list[dict[str, float]]:
        return [dict(s.values) for s in read_single_outputs(folder, "mine", "all", folder.examples("all"))]

    stored = read()
    (run / "scores" / "mine.jsonl").unlink()
    assert read() == stored
    assert not (run / "scores" / "mine.jsonl").exists()


def test_stored_values_are_read_and_not_computed_again(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ExactMatch, "value", lambda *_: pytest.fail("computed again"))
    score_run(run)
    sides = choose_side(run, "mine", "--system"), choose_side(run, "full", "--system")
    assert compare(*sides).differences


def test_an_interrupted_scoring_goes_on(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = run / "scores" / "mine.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])  # in the middle of a line
    computed = []
    value = ExactMatch.value
    monkeypatch.setattr(ExactMatch, "value", lambda *of: computed.append(of) or value(*of))
    score_run(run)
    assert file.read_bytes() == whole
    assert 0 < len(computed) < N - 10


def test_values_of_another_output_or_version_count_for_nothing(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generations = run / "generations" / "mine.jsonl"
    generations.write_text(generations.read_text().replace("no idea", "9 cats sing"))
    score_run(run)
    assert rows(run)["mine", "rougeL"].value > 90.0
    monkeypatch.setattr(RougeLMetric, "version", 2)
    monkeypatch.setattr(RougeLMetric, "value", lambda *_: 50.0)
    score_run(run)
    assert rows(run)["full", "rougeL"].value == 50.0
    assert len(lines(run)) == N - 1


def test_an_outside_metric_is_one_file_and_an_entry_point(
    run: Path, plugin: None, gisteval: Callable
) -> None:
    name_metrics(run, "first_word", "exact_match")
    score_run(run)
    found = rows(run)
    # 49 of 60 are right: ten are wrong and one is missing.
    assert found["mine", "first_word"].value == pytest.approx(100.0 * 49 / 60)
    assert found["mine", "first_word"].retention == pytest.approx(100.0 * 49 / 60)
    assert found["mine", "first_word"].unit == "percent"
    assert ("mine", "rougeL") not in found and ("mine", "length") in found
    assert lines(run)[0]["values"]["first_word"] == 100.0
    report = (run / "report" / "report.md").read_text()
    assert "first word" in report and "of the first word that a prompt adds" in report
    assert "first_word" in gisteval("ls", "metrics").out


def test_gate_and_comparison_take_it_of_any_run(run: Path, plugin: None) -> None:
    options = GateOptions(run, run, metric="first_word", system="mine", baseline_system="full")
    assert run_gate(options).outcome == "FAIL"
    sides = choose_side(run, "mine", "--system"), choose_side(run, "full", "--system")
    (row,) = compare(*sides, named=["first_word"]).differences
    assert (row.metric, row.difference) == ("first_word", pytest.approx(100.0 * 49 / 60 - 100.0))


def test_a_gate_on_a_metric_without_a_range(run: Path, plugin: None) -> None:
    """Lower is better: the negative control's answers are shorter than the positive one's."""

    def outcome(system: str, baseline: str, margin: float) -> str:
        options = GateOptions(run, run, "letters", margin, system=system, baseline_system=baseline)
        return run_gate(options).outcome

    assert outcome("none", "full", 0.5) == "PASS"
    assert outcome("full", "none", 0.5) == "FAIL"
    # One output is missing, and nothing bounds what it would be worth.
    assert outcome("mine", "full", 0.5) == "FAIL"


def test_a_metric_that_is_not_installed_is_named(run: Path) -> None:
    name_metrics(run, "second_word")
    with pytest.raises(GistevalError, match="metric 'second_word' is unknown"):
        score_run(run)


def test_the_command_scores_runs_or_files(run: Path, gisteval: Callable, refused: Callable) -> None:
    done = gisteval("score", run, "--json")
    assert done.code == 0
    (found,) = json.loads(done.out)
    assert found["rows"] == json.loads((run / "results.json").read_text())["rows"]
    assert "files or run folders" in refused("score", run, run.parent / "mine.jsonl", code=2)
