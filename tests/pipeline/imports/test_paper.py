"""The paper's release as a run: its figures on the real files, its faults on made ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from rouge_score.rouge_scorer import RougeScorer

from gisteval.errors import GistevalError
from gisteval.importer.rows import read_rows
from gisteval.pipeline.imports.paper import import_paper
from gisteval.records.judge_figures import PairFigures
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import ResultRow
from gisteval.report.build import report_tables
from gisteval.report.data import read_runs
from gisteval.report.samples import collect_samples

SPLITS = ("human", "seen", "unseen")


@pytest.fixture(scope="session")
def paper(shared_data: Path) -> Path:
    return shared_data / "paper"


@pytest.fixture(scope="session")
def imported(paper: Path, tmp_path_factory) -> RunFolder:
    return import_paper(paper, tmp_path_factory.mktemp("import") / "paper").folder


def cell(folder: RunFolder, metric: str, system: str, split: str) -> ResultRow:
    (row,) = [
        row for row in folder.results() if (row.metric, row.system, row.split) == (metric, system, split)
    ]
    return row


def test_rouge_is_rouge_scores_and_near_the_saved_medians(imported: RunFolder, paper: Path) -> None:
    saved = read_rows(paper / "rouge.csv")
    assert len(saved) == 9
    for item in saved:
        system = f"{item['model']}-{item['condition']}-{item['num_gist_tokens']}"
        row = cell(imported, "rougeL", system, str(item["split"]))
        assert row.value == pytest.approx(float(str(item["value"])), abs=0.2)
        assert (row.n, row.failures) == (252 if item["split"] == "human" else 1000, 0)
    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    for condition in ("pos_control", "gist", "neg_control"):
        rows = read_rows(
            paper / "model_outputs" / f"LLaMA-{condition}-1" / "outputs-3000-validation_human.csv"
        )
        scores = [scorer.score(str(row["y_true"]), str(row["y_pred"]))["rougeL"].fmeasure for row in rows]
        value = cell(imported, "rougeL", f"LLaMA-{condition}-1", "human").value
        assert value == pytest.approx(100 * sum(scores) / len(scores), abs=1e-9)


def test_win_rates_are_those_of_the_rows(imported: RunFolder) -> None:
    for split, expected in zip(SPLITS, (45.4, 48.5, 49.65), strict=True):
        row = cell(imported, "win_rate", "LLaMA-gist-1", split)
        assert row.value == pytest.approx(expected, abs=0.05)
        assert (row.judge, row.reference) == ("imported:chatgpt", "LLaMA-pos_control-1")
        negative = cell(imported, "win_rate", "LLaMA-neg_control-1", split).value
        assert row.retention == pytest.approx(100 * (row.value - negative) / (50 - negative))
        assert row.retention_ci_low < row.retention < row.retention_ci_high
    saved = imported.manifest().saved_figures
    wrong = {(f.system, f.split) for f in saved if f.metric == "win_rate" and not f.agrees}
    assert wrong == {("LLaMA-gist-1", "human"), ("LLaMA-neg_control-1", "human"), ("LLaMA-gist-1", "seen")}
    assert all(f.agrees for f in saved if f.metric == "rougeL")


def test_efficiency_has_the_papers_means_and_all_four_ways(imported: RunFolder) -> None:
    content = json.loads((imported.path / "report" / "profile.json").read_text())
    ways = {way["way"]: way for way in content["ways"] if way["model"] == "llama-7b"}
    assert list(ways) == ["no cache", "whole-prompt cache", "gist-1", "negative control"]
    assert [round(way["flops"] / 1e9, 1) for way in ways.values()][:3] == [914.7, 553.1, 552.5]
    times = [way["milliseconds"]["value"] for way in ways.values() if way["milliseconds"]]
    assert times == pytest.approx([23.44, 22.07, 21.85], abs=0.005)
    saved = {(item["baseline"], item["unit"]): item for item in ways["gist-1"]["saved"]}
    # Nearly all of what a gist saves is ordinary caching.
    assert saved["no cache", "flops"]["value"] == pytest.approx(39.6, abs=0.05)
    assert saved["whole-prompt cache", "flops"]["value"] < 0.2
    assert ways["gist-1"]["stored_bytes"] == 1_048_576


def test_records_say_where_they_are_from_and_invent_nothing(imported: RunFolder) -> None:
    (first, *_) = imported.read_generations("LLaMA-gist-1", "human")
    assert first.provenance == "LLaMA-gist-1/outputs-3000-validation_human.csv"
    unknown = (first.output_tokens, first.finished, first.source_tokens, first.bytes, first.nll)
    assert unknown == (None,) * 5
    assert (first.compressor, first.condition, first.k, first.kept) == ("gist", "gist", 1, 1)
    verdicts = list(imported.read_verdicts("imported:chatgpt", "LLaMA-gist-1", "human"))
    assert len(verdicts) == 252
    contents = {example.content_id for example in imported.examples("human")}
    assert {verdict.pair for verdict in verdicts} == contents
    assert {verdict.reference for verdict in verdicts} == {"LLaMA-pos_control-1"}
    scores = {"rougeL", "rougeL-unicode", "exact_match", "exact_match_pos", "length", "kept"}
    assert {row.metric for row in imported.results()} == {*scores, "win_rate", "win_rate_adjusted"}


def test_the_judges_habits_are_known(imported: RunFolder) -> None:
    entries = [entry for entry in imported.judging() if isinstance(entry, PairFigures)]
    assert len({(entry.system, entry.split) for entry in entries}) == len(entries) == 6
    # The first answer shown and the longer one win too often, as in the release as a whole.
    for name in ("first_shown_share", "longer_share"):
        assert sum(getattr(entry, name).value for entry in entries) / 6 > 53
    assert imported.judges["imported:chatgpt"].kind == "imported"


def test_the_tasks_own_data_gives_its_content_ids(shared_data: Path, paper: Path, tmp_path: Path) -> None:
    source = tmp_path / "some" / "LLaMA-gist-1"
    source.mkdir(parents=True)
    shutil.copy(paper / "model_outputs" / "LLaMA-gist-1" / "outputs-3000-validation_human.csv", source)
    found = import_paper(tmp_path / "some", tmp_path / "run", data_dir=shared_data / "alpaca_plus")
    examples = found.folder.examples("human")
    assert sum(example.id.startswith("alpaca_plus-human-") for example in examples) == 252
    # The outputs keep the references they came with, one of which is cut off.
    own = [record.own_reference for record in found.folder.read_generations("LLaMA-gist-1", "human")]
    assert sum(reference is not None for reference in own) > 0
    assert cell(found.folder, "rougeL", "LLaMA-gist-1", "human").value == pytest.approx(23.9129, abs=1e-3)


def outputs(folder: Path, system: str, answers: list[str], split: str = "human") -> Path:
    path = folder / "model_outputs" / system / f"outputs-7-validation_{split}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f'"Instruction: say {n} <GIST>  Output: word {n}",{a},word {n}' for n, a in enumerate(answers)]
    path.write_text("x,y_pred,y_true\n" + "\n".join(lines) + "\n")
    return path


def verdicts(folder: Path, system: str, choices: list[str], split: str = "human") -> Path:
    names = {"a": system, "b": "My-pos_control-1"}
    texts = {"reason": "", "swapped": False, system: "a", names["b"]: "b"}
    results = [{"x": f"Instruction: say {n}", "choice": c, **texts} for n, c in enumerate(choices)]
    path = folder / "chatgpt" / f"chatgpt-{system}-vs-{names['b']}-validation_{split}-7.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"names": names, "scores": {system: 1.0}, "results": results}))
    return path


def test_any_subset_model_and_k_and_every_fault_is_named(tmp_path: Path) -> None:
    source = tmp_path / "release"
    outputs(source, "My-pos_control-1", ["word 0", "word 1", "word 2"])
    outputs(source, "My-gist-3", ["word 0", "", "word"])
    outputs(source, "My-gist-7", ["word 0", "other"])  # a row short
    outputs(source, "My-neg_control-1", ["None", "x", "y"])
    outputs(source, "My-gist-9", ["a"], split="seen").write_text("x,y_pred\n1,2\n")
    outputs(source, "nobody", ["a"])
    verdicts(source, "My-gist-3", ["a", "b", "tie", "tie"])
    verdicts(source, "My-neg_control-1", ["B", "b", "tie"])
    verdicts(source, "My-gist-9", ["a"]).write_text("{")
    (source / "benchmarking").mkdir()
    (source / "benchmarking" / "pytorch-llama-7b-benchmarking-human.csv").write_text("a\n1\n")
    (source / "rouge.csv").write_text("model\nMy\n")
    (source / "notes.txt").write_text("hello")
    (source / ".DS_Store").write_text("")
    found = import_paper(source, tmp_path / "run")
    said = "\n".join(found.notes)
    for name in (
        "My-gist-9/outputs-7-validation_seen.csv: no column 'y_true'",
        "nobody",
        "My-gist-9-vs-My-pos_control-1-validation_human-7.json is damaged",
        "pytorch-llama-7b-benchmarking-human.csv is no released benchmark file",
        "rouge.csv is damaged",
        "notes.txt is not a file of the paper's release",
        "1 of 4 verdicts are on prompts that no output file holds",
        "My-gist-7 on human: 1 of 3 examples have no output",
        "differ from the output files",
    ):
        assert name in said, name
    assert ".DS_Store" not in said
    assert (found.outputs, found.verdicts, found.benchmarks) == (4, 2, 0)
    assert cell(found.folder, "rougeL", "My-gist-3", "human").value == pytest.approx(100 * (1 + 2 / 3) / 3)
    assert cell(found.folder, "win_rate", "My-gist-3", "human").value == 50
    short = cell(found.folder, "rougeL", "My-gist-7", "human")
    assert (short.n, short.failures, short.k) == (3, 1, 7)
    assert cell(found.folder, "exact_match_pos", "My-gist-3", "human").reference == "My-pos_control-1"
    names = [(system.name, system.role, system.reference) for system in found.folder.systems]
    assert names == [
        ("My-pos_control-1", "positive", "My-pos_control-1"),
        ("My-gist-3", "candidate", "My-pos_control-1"),
        ("My-gist-7", "candidate", "My-pos_control-1"),
        ("My-neg_control-1", "negative", "My-pos_control-1"),
    ]


def test_verdicts_alone_give_win_rates_and_no_scores(tmp_path: Path) -> None:
    source = tmp_path / "release"
    source.mkdir()
    verdicts(source, "My-gist-3", ["a", "b", "tie"])
    folder = import_paper(source, tmp_path / "run").folder
    assert [(row.metric, row.value) for row in folder.results()] == [("win_rate", 50.0)]
    assert [example.output for example in folder.examples("human")] == [""] * 3


def test_importing_again_changes_nothing_and_other_files_are_refused(tmp_path: Path) -> None:
    source, run = tmp_path / "release", tmp_path / "run"
    outputs(source, "My-gist-3", ["a", "b"])
    verdicts(source, "My-gist-3", ["a", "b"])
    contents: list[Any] = []
    for _ in range(2):
        import_paper(source, run)
        files = sorted(path for path in run.rglob("*") if path.is_file())
        contents.append({path: path.read_bytes() for path in files})
    assert contents[0] == contents[1]
    outputs(source, "My-gist-3", ["a", "c"])
    with pytest.raises(GistevalError, match="another run"):
        import_paper(source, run)


def test_the_tables_of_the_release(imported: RunFolder) -> None:
    data = read_runs([imported])
    tables = {table.name: table for table in report_tables(data, collect_samples(data))}
    rows = {row[:2]: row[5] for row in tables["main"].rows}
    assert rows["human", "LLaMA-gist-1"] == "45.4 [39.4, 51.7]"
    assert rows["seen", "LLaMA-gist-1"].startswith("48.5 [")
    assert rows["unseen", "LLaMA-gist-1"].startswith("49.7 [")
    costs = {row[1]: row[2:4] for row in tables["efficiency"].rows}
    assert [cells[1] for cells in costs.values()] == ["914.7 G", "553.1 G", "552.5 G", "552.5 G"]
    assert [cells[0].split()[0] for cells in costs.values()] == ["23.44", "22.07", "21.85", "-"]
    differences = {row[:3]: float(row[5]) for row in tables["paper"].rows}
    assert len(differences) == 9 + 6 + 3 + 3
    assert all(abs(value) <= 0.4 for value in differences.values())
    wrong = [row[:3] for row in tables["saved-figures"].rows]
    assert len(wrong) == 3 and wrong[0] == ("win_rate", "LLaMA-gist-1", "seen")
