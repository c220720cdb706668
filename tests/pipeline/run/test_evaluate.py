"""Whole runs on tiny random suites: what lies in the folder, and when nothing is computed again."""

from __future__ import annotations

import json
import shutil
from dataclasses import fields
from pathlib import Path

import pytest

from gisteval.generation import answering as generation
from gisteval.metrics import metrics_of
from gisteval.records.schema import ResultRow

JUDGED = {"win_rate": "percent", "win_rate_adjusted": "percent"}
UNITS = {metric.name: metric.unit for metric in metrics_of()}
REQUIRED = {
    *("task", "split", "system", "condition", "compressor", "k", "metric", "value", "ci_low", "ci_high"),
    *("unit", "n", "retention", "retention_ci_low", "retention_ci_high", "reference", "failures"),
}


@pytest.fixture(scope="module")
def finished(tiny_suite, tiny_task, tmp_path_factory) -> Path:
    """The folder of a finished run of the tiny suite. Don't change it."""
    import gisteval

    folder = tmp_path_factory.mktemp("runs") / "finished"
    gisteval.run(model=tiny_suite, task=tiny_task, output=folder)
    return folder


def test_results_have_the_published_shape(finished: Path, results) -> None:
    content = results(finished)
    assert set(content) == {"schema_version", "signature", "rows", "judging"}
    assert content["schema_version"] == 1
    assert content["signature"].startswith("task:tiny-v1|metric:rougeL")
    assert {field.name for field in fields(ResultRow)} >= REQUIRED
    for row in content["rows"]:
        assert set(row) == {field.name for field in fields(ResultRow)}
        assert (row["task"], row["split"], row["n"], row["clusters"]) == ("tiny", "test", 24, 8)
        assert row["unit"] == {**UNITS, **JUDGED}[row["metric"]]
        assert (row["judge"] is None) == (row["metric"] in UNITS)
        assert row["failures"] == 0
    found = {(row["system"], row["metric"]) for row in content["rows"]}
    systems = ["tiny-pos_control-1", "tiny-gist-1", "tiny-gist-3", "tiny-neg_control-1"]
    assert list(dict.fromkeys(row["system"] for row in content["rows"])) == systems
    for system in systems:
        assert {(system, metric) for metric in ("rougeL", "exact_match", "nll", "bytes")} <= found
    assert ("tiny-gist-3", "compression_achieved") in found
    assert not (finished / "failures.json").exists()


def test_controls_of_a_suite_are_trained(finished: Path, results) -> None:
    controls = {row["system"]: row["control"] for row in results(finished)["rows"]}
    assert controls == {
        "tiny-pos_control-1": "trained",
        "tiny-gist-1": None,
        "tiny-gist-3": None,
        "tiny-neg_control-1": "trained",
    }


def test_manifest_says_how_it_was_made(finished: Path) -> None:
    manifest = json.loads((finished / "manifest.json").read_text())
    assert manifest["splits"] == {"test": 24}
    assert manifest["dtype"] == "float32"
    assert {"gisteval", "torch", "transformers", "python"} <= set(manifest["versions"])
    names = [system["name"] for system in manifest["systems"]]
    assert set(manifest["self_check"]) == set(names)
    for check in manifest["self_check"].values():
        assert (check["examples"], check["greedy_mismatches"]) == (10, 0)
        assert 0 <= check["max_nll_difference"] < 1e-3
        differences = ("loss", "decoded", "batch", "stock")
        assert all(0 <= check[f"{name}_difference"] <= check["tolerance"] for name in differences)
    digests = [system["weights"] for system in manifest["systems"]]
    assert len(set(digests)) == len(digests) == 4


def test_records_are_one_line_an_example(finished: Path, records) -> None:
    lines = records(finished)
    assert len(lines) == 4
    for file, written in lines.items():
        found = [json.loads(line) for line in written]
        assert {record["system"] + ".jsonl" for record in found} == {file}
        assert len(found) == len({record["key"] for record in found}) == 24
        assert len({record["example"] for record in found}) == 24


def test_report_names_every_system(finished: Path) -> None:
    report = (finished / "report" / "report.md").read_text()
    for name in ("tiny-pos_control-1", "tiny-gist-1", "tiny-gist-3", "tiny-neg_control-1"):
        judged = 0 if name == "tiny-pos_control-1" else 2  # its win rate, and the judge's behaviour
        # scores, exact match, all metrics, self-checks
        assert report.count(f"| {name} |") == 4 + judged


def test_a_finished_run_computes_nothing_again(
    finished: Path, tiny_suite, tiny_task, tmp_path: Path, gisteval, records, monkeypatch
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(finished, copy)
    before, numbers = records(copy), (copy / "results.json").read_bytes()

    def fail(*arguments: object) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("gisteval.executors.local.load_placed", fail)
    outcome = gisteval("run", "--model", tiny_suite, "--task", tiny_task, "--output", copy)
    assert outcome.code == 0, outcome.err
    assert records(copy) == before
    assert (copy / "results.json").read_bytes() == numbers
    assert json.loads((copy / "manifest.json").read_text())["self_check"]


def test_only_missing_records_are_computed(
    finished: Path, tiny_suite, tiny_task, tmp_path: Path, gisteval, records, monkeypatch
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(finished, copy)
    file = copy / "generations" / "tiny-gist-3.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[3:20]))
    answered = []
    monkeypatch.setattr(
        generation,
        "_answers",
        lambda model, batch, decoding, real=generation._answers: (
            answered.append(len(batch)) or real(model, batch, decoding)
        ),
    )
    assert gisteval("run", "--model", tiny_suite, "--task", tiny_task, "--output", copy).code == 0
    assert records(copy) == records(finished)
    assert (copy / "results.json").read_bytes() == (finished / "results.json").read_bytes()
    assert answered == [24]  # the one batch of gist-3, as whole as it first was


@pytest.mark.parametrize("size", ["1", "5"])
def test_batch_size_decides_nothing(
    finished: Path, tiny_suite, tiny_task, tmp_path: Path, gisteval, records, size: str
) -> None:
    arguments = ("--model", tiny_suite, "--task", tiny_task, "--output", tmp_path / "run")
    assert gisteval("run", *arguments, "--batch_size", size).code == 0
    ours, theirs = records(tmp_path / "run"), records(finished)
    assert ours.keys() == theirs.keys()
    for file, lines in ours.items():
        pairs = zip(by_key(lines), by_key(theirs[file]), strict=True)
        for mine, other in pairs:
            assert mine.pop("nll") == pytest.approx(other.pop("nll"), abs=1.5e-5)
            assert mine == other


def by_key(lines: list[str]) -> list[dict[str, object]]:
    return sorted((json.loads(line) for line in lines), key=lambda record: record["key"])


def test_one_example(tiny_suite, tiny_task, tmp_path: Path, gisteval, results) -> None:
    arguments = ("--model", tiny_suite / "gist-1", "--task", tiny_task, "--output", tmp_path / "run")
    outcome = gisteval("run", *arguments, "--limit", 1, "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.out == (tmp_path / "run" / "results.json").read_text()
    rows = json.loads(outcome.out)["rows"]
    # One example bounds nothing; a percentage stays within 0 and 100 all the same.
    for row in rows:
        assert (row["n"], row["ci_low"], row["ci_high"]) in {(1, None, None), (1, 0.0, 100.0)}
        assert row["unit"] == "percent" or row["ci_low"] is None
    # Its controls lie beside it, and a trained one is preferred to its own weights.
    assert {row["control"] for row in rows} == {None, "trained"}


def test_same_example_twice_and_in_two_splits(
    tiny_suite, tmp_path: Path, gisteval, results, records, write_task
) -> None:
    examples = [("say cats", "dogs", "yes"), ("say cats", "dogs", "yes"), ("say no", "", "no")]
    task = write_task(tmp_path / "task", examples, "one", "two")
    arguments = ("--model", tiny_suite / "gist-1", "--task", task, "--output", tmp_path / "run")
    assert gisteval("run", *arguments).code == 0
    content = results(tmp_path / "run")
    rows = [row for row in content["rows"] if row["judge"] is None]
    assert {(row["split"], row["n"]) for row in rows} == {("one", 3), ("two", 3)}
    # A judge is asked about a pair of outputs once.
    assert {row["n"] for row in content["rows"] if row["judge"] is not None} == {2}
    for lines in records(tmp_path / "run").values():
        found = [json.loads(line) for line in lines]
        assert sorted(record["split"] for record in found) == ["one", "one", "two", "two"]
    assert gisteval("run", *arguments).code == 0
    assert results(tmp_path / "run") == content


def test_dry_run_writes_nothing(tiny_suite, tiny_task, tmp_path: Path, gisteval) -> None:
    arguments = ("--model", tiny_suite, "--task", tiny_task, "--output", tmp_path / "run", "--limit", 5)
    outcome = gisteval("run", *arguments, "--dry-run", "--json")
    assert outcome.code == 0
    plan = json.loads(outcome.out)
    assert plan["output"] == str(tmp_path / "run")
    assert (plan["splits"], plan["generations"]) == ({"test": 5}, 20)
    assert plan["systems"][0] == "tiny-pos_control-1"
    assert list(tmp_path.iterdir()) == []


def test_output_has_a_default_that_names_the_run(
    tiny_suite, tiny_task, tmp_path, gisteval, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ("--model", tiny_suite, "--task", tiny_task, "--dry-run", "--json")
    plans = [json.loads(gisteval("run", *arguments, *more).out) for more in ([], [], ["--limit", 5])]
    outputs = [plan["output"] for plan in plans]
    assert outputs[0].startswith(f"runs/{tiny_suite.name}-tiny-")
    assert outputs[0] == outputs[1] != outputs[2]


def test_a_run_on_references_that_rouge_cannot_read_says_so(tiny_suite, tmp_path: Path, gisteval) -> None:
    words = ["\u5c71\u6c34", "\u9c7c\u4e66", "\u96e8\u96ea"]
    items = [{"instruction": f"say {n}", "input": "", "output": word} for n, word in enumerate(words)]
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    (tmp_path / "task.yaml").write_text(
        "{name: han, version: 1, description: d, license: l, max_new_tokens: 2, "
        "splits: {test: {file: data.jsonl}}}"
    )
    done = gisteval(
        *(
            "run",
            "--model",
            tiny_suite,
            "--task",
            tmp_path,
            "--judge",
            "none",
            "--output",
            tmp_path / "run",
        ),
        "--verbose",
    )
    assert done.code == 0
    assert "note: test: 3 of 3 references have no ASCII letter or digit" in done.err
    assert "(Unicode words)" in done.out
    rows = json.loads((tmp_path / "run" / "results.json").read_text())["rows"]
    assert "rougeL-unicode" in {row["metric"] for row in rows}
    assert "rougeL" not in {row["metric"] for row in rows}
