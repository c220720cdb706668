"""A whole release of two families, imported: every figure equals a count made straight from its rows."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from miniature_release import (
    FAMILIES,
    SPLITS,
    items_of,
    system_names,
    write_benchmarks,
    write_outputs,
    write_release,
)
from rouge_score.rouge_scorer import RougeScorer

from gisteval.pipeline.imports.paper import import_paper
from gisteval.records.run_folder import RunFolder

WORTH = {"a": 100.0, "tie": 50.0, "b": 0.0}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_release(tmp_path_factory.mktemp("release"))
    write_benchmarks(root)
    return root


@pytest.fixture(scope="module")
def imported(source: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return import_paper(source, tmp_path_factory.mktemp("imported") / "run").folder


def rows_of(root: Path, system: str, split: str) -> list[dict[str, str]]:
    (path,) = root.glob(f"model_outputs/{system}/*_{split}.csv")
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def rouge_of(root: Path, system: str, split: str) -> list[float]:
    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    rows = rows_of(root, system, split)
    return [100 * scorer.score(row["y_true"], row["y_pred"])["rougeL"].fmeasure for row in rows]


def points_of(root: Path, system: str, split: str) -> list[float]:
    (path,) = root.glob(f"chatgpt/*-{system}-vs-*_{split}-*.json")
    results = json.loads(path.read_text(encoding="utf-8"))["results"]
    return [WORTH[row["choice"].lower()] for row in results]


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def cells(folder: RunFolder) -> dict[tuple[str, str, str], object]:
    found = {(row.metric, row.system, row.split): row for row in folder.results()}
    assert len(found) == len(folder.results())
    return found


@pytest.mark.parametrize("family", FAMILIES)
def test_scores_equal_a_count_from_the_rows(source: Path, imported: RunFolder, family: str) -> None:
    found = cells(imported)
    for split, count in SPLITS.items():
        rouge = {name: rouge_of(source, name, split) for name in system_names(family)}
        positive = rows_of(source, f"{family}-pos_control-1", split)
        upper, lower = (mean(rouge[f"{family}-{kind}_control-1"]) for kind in ("pos", "neg"))
        for system, (condition, k) in system_names(family).items():
            row = found["rougeL", system, split]
            assert (row.n, row.failures, row.k) == (count, 0, k)
            assert row.value == pytest.approx(mean(rouge[system]), abs=1e-9)
            own = rows_of(source, system, split)
            exact = mean([100.0 * (r["y_pred"].strip() == r["y_true"].strip()) for r in own])
            assert found["exact_match", system, split].value == pytest.approx(exact)
            if condition == "pos_control":
                continue
            same = [a["y_pred"].strip() == b["y_pred"].strip() for a, b in zip(own, positive, strict=True)]
            equal = found["exact_match_pos", system, split]
            assert (equal.value, equal.n) == (pytest.approx(100 * mean(same)), count)
            if condition == "gist":
                assert row.difference == pytest.approx(mean(rouge[system]) - upper)
                kept = 100 * (mean(rouge[system]) - lower) / (upper - lower)
                assert row.retention == pytest.approx(kept)


@pytest.mark.parametrize("family", FAMILIES)
def test_win_rates_equal_a_count_from_the_verdicts(source: Path, imported: RunFolder, family: str) -> None:
    found = cells(imported)
    for split, count in SPLITS.items():
        for system, (condition, _) in system_names(family).items():
            if condition != "pos_control":
                row = found["win_rate", system, split]
                assert (row.n, row.failures, row.reference) == (count, 0, f"{family}-pos_control-1")
                assert row.value == pytest.approx(mean(points_of(source, system, split)))
    saved = imported.manifest().saved_figures
    wrong = [figure for figure in saved if figure.metric == "win_rate" and not figure.agrees]
    assert len(wrong) > len(saved) / 2


def test_the_families_share_their_examples_and_copies_stay_apart(imported: RunFolder) -> None:
    for split, count in SPLITS.items():
        examples = imported.examples(split)
        for example, item in zip(examples, items_of(split), strict=True):
            assert example.instruction == item.instruction
            assert item.input.startswith(example.input)  # a long one is cut
        assert len({example.content_id for example in examples}) == count
        copies = [example for example in examples if example.output == f"thing {split}"]
        assert [example.copy for example in copies] == [0, 1, 2]
    assert imported.manifest().splits == SPLITS


def test_a_family_alone_has_the_figures_it_has_beside_the_other(
    source: Path, imported: RunFolder, tmp_path: Path
) -> None:
    together = cells(imported)
    for family in FAMILIES:
        part = tmp_path / family
        for path in source.rglob(f"*{family}-*"):
            if path.is_file():
                copy = part / path.relative_to(source)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, copy)
            elif path.parent.name == "model_outputs":
                shutil.copytree(path, part / path.relative_to(source))
        found = import_paper(part, tmp_path / f"run of {family}")
        assert not any("left out" in note for note in found.notes)
        alone = cells(found.folder)
        own = {key: row for key, row in together.items() if key[1] in system_names(family)}
        assert alone.keys() == own.keys()
        for key, row in own.items():
            assert (alone[key].value, alone[key].n, alone[key].failures) == (row.value, row.n, row.failures)


def test_import_report_and_gate(gisteval, source: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    done = gisteval("import-paper", source, "--output", run)
    assert done.code == 0
    assert "36 output files, 30 verdict files, 2 benchmark files" in done.out
    assert "left out" not in done.err
    assert "have no output" not in done.err
    done = gisteval("report", run)
    assert (done.code, done.err) == (0, "")
    text = (run / "report" / "report.md").read_text(encoding="utf-8")
    assert "the win rate (judge imported:chatgpt)" in text
    for family in FAMILIES:
        done = gisteval(
            *("gate", run, "--baseline", run, "--json", "--margin", 40),
            *("--system", f"{family}-gist-2", "--baseline-system", f"{family}-gist-10"),
        )
        assert done.code == 0
        for found in json.loads(done.out)["splits"]:
            pair = [mean(points_of(source, f"{family}-gist-{k}", found["split"])) for k in (2, 10)]
            assert found["difference"] == pytest.approx(pair[0] - pair[1])
            assert found["n"] == SPLITS[found["split"]]


def test_systems_of_different_families_pair_by_row(gisteval, source: Path, imported: RunFolder) -> None:
    done = gisteval(
        *("gate", imported.path, "--baseline", imported.path, "--json", "--metric", "rougeL"),
        *("--system", "FLAN-T5-gist-1", "--baseline-system", "LLaMA-gist-1", "--margin", 60),
    )
    assert done.code == 0
    for found in json.loads(done.out)["splits"]:
        ours, theirs = (rouge_of(source, f"{f}-gist-1", found["split"]) for f in ("FLAN-T5", "LLaMA"))
        pairs = list(zip(ours, theirs, strict=True))
        counts = [sum(a > b for a, b in pairs), sum(a == b for a, b in pairs), sum(a < b for a, b in pairs)]
        assert [found["better"], found["equal"], found["worse"]] == counts
        assert found["difference"] == pytest.approx(mean([a - b for a, b in pairs]))


def test_costs_are_the_formulas(source: Path, imported: RunFolder, tmp_path: Path) -> None:
    expected = write_benchmarks(tmp_path)
    content = json.loads((imported.path / "report" / "profile.json").read_text())
    found = {way["way"]: way["flops"] / 1e9 for way in content["ways"]}
    for way, value in expected.items():
        assert found[way] == pytest.approx(value)


def test_timings_alone_are_a_run_with_a_report(gisteval, refused, tmp_path: Path) -> None:
    write_benchmarks(tmp_path / "part")
    run = tmp_path / "run"
    assert gisteval("import-paper", tmp_path / "part", "--output", run).code == 0
    assert gisteval("report", run).code == 0
    assert "| llama-7b | gist-1 |" in (run / "report" / "report.md").read_text(encoding="utf-8")
    assert "has timings only" in refused("gate", run, "--baseline", run, code=4)


def test_examples_of_one_family_alone_are_not_asked_of_the_other(gisteval, tmp_path: Path) -> None:
    root = tmp_path / "release"
    for family in FAMILIES:
        write_outputs(root, family)
    for path in (root / "model_outputs").glob("FLAN-T5-*/*_seen.csv"):
        with path.open(encoding="utf-8", newline="") as stream:
            lines = list(csv.reader(stream))
        lines[-1][0] = "Instruction: something of its own <GIST> Input: quite other"
        lines[-1][2] = "only here"
        with path.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows(lines)
    run = tmp_path / "run"
    assert gisteval("import-paper", root, "--output", run).code == 0
    folder = RunFolder.open(run)
    assert len(folder.examples("seen")) == SPLITS["seen"] + 1
    rows = [row for row in folder.results() if row.metric == "rougeL" and row.split == "seen"]
    assert {(row.n, row.failures) for row in rows} == {(SPLITS["seen"], 0)}
    assert gisteval("report", run).code == 0
    systems = ("--system", "FLAN-T5-gist-1", "--baseline-system", "LLaMA-gist-1")
    done = gisteval(
        *("gate", run, "--baseline", run, "--metric", "rougeL", "--split", "seen", "--margin", 60),
        *systems,
        "--json",
    )
    assert (done.code, json.loads(done.out)["splits"][0]["n"]) == (0, SPLITS["seen"] - 1)


def test_an_import_that_stopped_half_way_is_not_read(gisteval, refused, source: Path, tmp_path) -> None:
    run = tmp_path / "run"
    part = tmp_path / "part"
    for system in ("LLaMA-pos_control-1", "LLaMA-gist-1"):
        shutil.copytree(source / "model_outputs" / system, part / "model_outputs" / system)
    assert gisteval("import-paper", part, "--output", run).code == 0
    (run / "results.json").unlink()
    (run / "results.json").mkdir()  # so the same import can't write its numbers
    assert gisteval("import-paper", part, "--output", run).code != 0
    for command in (("report", run), ("gate", run, "--baseline", run)):
        assert "stopped half-way" in refused(*command)
    (run / "results.json").rmdir()
    assert gisteval("import-paper", part, "--output", run).code == 0
    assert gisteval("report", run).code == 0
