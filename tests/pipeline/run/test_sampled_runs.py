"""Whole runs that draw several answers to each example, from the records to the gate."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from statistics import fmean, variance

import pytest

from gisteval.metrics.rouge import rouge_l
from gisteval.records.lines import from_json
from gisteval.records.schema import Example

EXAMPLES = [(f"say {'cats ' * (n % 7)}{n // 2}", "dogs" * (n % 3), f"yes {n}") for n in range(24)]
DRAWN = ["--samples", "3", "--temperature", "15"]


@pytest.fixture(scope="module")
def task(write_task, tmp_path_factory) -> Path:
    return write_task(tmp_path_factory.mktemp("drawn") / "task", EXAMPLES)


@pytest.fixture(scope="module")
def arguments(tiny_suite: Path, task: Path) -> list[object]:
    return ["run", "--model", tiny_suite / "gist-3", "--task", task, "--judge", "none", "--no-report"]


@pytest.fixture(scope="module")
def whole(tiny_suite: Path, task: Path, tmp_path_factory) -> Path:
    """A run of 24 examples with 3 answers each. Don't change it."""
    import gisteval

    run = tmp_path_factory.mktemp("whole") / "run"
    gisteval.run(model=tiny_suite / "gist-3", task=task, samples=3, temperature=15.0, output=run)
    return run


def answers(run: Path, system: str = "tiny-gist-3") -> dict[str, list[str]]:
    """The outputs of a system by example, in the order of their samples."""
    lines = map(json.loads, (run / f"generations/{system}.jsonl").read_text().splitlines())
    by_example: dict[str, dict[int, str]] = defaultdict(dict)
    for line in lines:
        by_example[line["example"]][line["sample"]] = line["output"]
    return {name: [found[n] for n in sorted(found)] for name, found in by_example.items()}


def rows(run: Path, system: str = "tiny-gist-3") -> dict[str, dict]:
    content = json.loads((run / "results.json").read_text())
    return {row["metric"]: row for row in content["rows"] if row["system"] == system}


def test_numbers_are_means_over_an_example_s_answers(whole: Path) -> None:
    found = answers(whole)
    assert {len(texts) for texts in found.values()} == {3} and len(found) == 24
    assert sum(len(set(texts)) for texts in found.values()) > 48
    examples = {
        line["id"]: line["output"]
        for line in map(json.loads, (whole / "examples/test.jsonl").read_text().splitlines())
    }
    scores = [[100.0 * rouge_l(text, examples[name]).f1 for text in texts] for name, texts in found.items()]
    row = rows(whole)["rougeL"]
    assert row["value"] == pytest.approx(fmean(map(fmean, scores)))
    assert (row["n"], row["clusters"], row["failures"]) == (24, len({t for t, _, _ in EXAMPLES}), 0)
    within = fmean(map(variance, scores))
    assert rows(whole)["rougeL.sd_samples"]["value"] == pytest.approx(within**0.5)
    between = max(variance(map(fmean, scores)) - within / 3, 0.0)
    assert rows(whole)["rougeL.sd_items"]["value"] == pytest.approx(between**0.5, abs=1e-6)


def test_a_judge_s_pairs_are_repeats_of_their_example(whole: Path) -> None:
    """24 examples, but 72 pairs; the win rate is the mean over examples, which have three pairs each."""
    row = rows(whole)["win_rate"]
    assert (row["n"], row["clusters"]) == (24, rows(whole)["rougeL"]["clusters"])
    lines = (whole / "verdicts/reference--tiny-gist-3.jsonl").read_text().splitlines()
    verdicts = [line for line in map(json.loads, lines) if line["purpose"] == "main"]
    assert len({line["pair"] for line in verdicts}) == 72
    worth = {"a": 100.0, "tie": 50.0, "b": 0.0}
    assert row["value"] == pytest.approx(fmean(worth[line["choice"]] for line in verdicts))


def test_pass_at_k_counts_subsets_of_the_answers(whole: Path, tmp_path: Path, gisteval) -> None:
    """No answer of a random model equals its reference, so the references here are first answers."""
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    found, file = answers(run), run / "examples/test.jsonl"
    examples = list(map(json.loads, file.read_text().splitlines()))
    contents = {}
    for example in examples:
        example["output"] = found[example["id"]][0]
        contents[example["id"]] = from_json(Example, example).content_id
    file.write_text("".join(json.dumps(example) + "\n" for example in examples))
    for records in (run / "generations").glob("*.jsonl"):
        lines = list(map(json.loads, records.read_text().splitlines()))
        changed = ({**line, "content": contents[line["example"]]} for line in lines)
        records.write_text("".join(json.dumps(line) + "\n" for line in changed))
    shutil.rmtree(run / "scores")
    assert gisteval("score", run).code == 0
    right = [[100.0 * (text == texts[0]) for text in texts] for texts in found.values()]
    scored = rows(run)
    for metric, chosen in (("pass@2", max), ("pass^2", min)):
        pairs = fmean(fmean(chosen(pair) for pair in combinations(values, 2)) for values in right)
        assert scored[f"exact_match.{metric}"]["value"] == pytest.approx(pairs)
    assert scored["exact_match.pass@3"]["value"] == 100.0 > scored["exact_match.pass^3"]["value"]


def test_the_run_says_how_answers_were_drawn(whole: Path) -> None:
    manifest = json.loads((whole / "manifest.json").read_text())
    assert manifest["samples"] == 3 and manifest["splits"] == {"test": 24}
    assert (manifest["config"]["samples"], manifest["config"]["temperature"]) == (3, 15.0)
    assert "|samples:3@t15|" in json.loads((whole / "results.json").read_text())["signature"]


@pytest.mark.parametrize("size", [1, 5])
def test_records_do_not_depend_on_the_batch(
    whole: Path, arguments, tmp_path: Path, gisteval, size: int
) -> None:
    run = tmp_path / "run"
    outcome = gisteval(*arguments, *DRAWN, "--batch-size", size, "--output", run)
    assert outcome.code == 0, outcome.err
    systems = [file.stem for file in (whole / "generations").glob("*.jsonl")]
    assert len(systems) == 3
    for system in systems:
        assert answers(run, system) == answers(whole, system)


def test_killed_and_resumed_is_the_run_that_was_never_stopped(
    arguments, tmp_path: Path, gisteval, records, results
) -> None:
    run, other = tmp_path / "run", tmp_path / "other"
    command = [*arguments, *DRAWN, "--batch-size", "1", "--output"]
    assert gisteval(*command, other).code == 0
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "gisteval", *map(str, [*command, run])],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
    ) as process:
        while sum(file.read_bytes().count(b"\n") for file in run.glob("generations/*.jsonl")) < 20:
            assert process.poll() is None
            time.sleep(0.005)
        process.kill()
    assert not (run / "results.json").exists()
    assert gisteval(*command, run).code == 0
    assert records(run) == records(other)
    assert results(run) == results(other)


def test_more_answers_are_added_to_those_that_are_there(
    whole: Path, arguments, tmp_path: Path, gisteval, results
) -> None:
    run = tmp_path / "run"
    fewer = ["--samples", "2", "--temperature", "15"]
    assert gisteval(*arguments, *fewer, "--output", run).code == 0
    first = (run / "generations/tiny-gist-3.jsonl").read_bytes()
    assert gisteval(*arguments, *DRAWN, "--output", run).code == 0
    assert (run / "generations/tiny-gist-3.jsonl").read_bytes().startswith(first)
    assert answers(run) == answers(whole)
    found, expected = rows(run), rows(whole)
    assert expected.keys() - found.keys() == {"win_rate", "win_rate_adjusted"}
    assert all(found[name]["value"] == pytest.approx(expected[name]["value"]) for name in found)


def test_a_gate_takes_the_mean_of_an_example_s_answers(
    whole: Path, arguments, tmp_path: Path, gisteval: Callable
) -> None:
    """Also against a run of greedy answers: each side has one value for each example."""
    greedy = tmp_path / "greedy"
    assert gisteval(*arguments, "--output", greedy).code == 0
    outcome = gisteval("gate", whole, "--baseline", greedy, "--metric", "rougeL", "--json")
    assert outcome.code in (0, 1, 3), outcome.err
    (split,) = json.loads(outcome.out)["splits"]
    assert split["n"] == 24
    means = (split["candidate"]["mean"], split["baseline"]["mean"])
    assert means == pytest.approx((rows(whole)["rougeL"]["value"], rows(greedy)["rougeL"]["value"]))
    plan = gisteval("gate", whole, "--baseline", greedy, "--metric", "rougeL", "--plan")
    assert plan.code == 0 and "by the number of answers to each (now 3):" in plan.out
    assert "more examples pay" in plan.out


def test_without_a_temperature_answers_are_all_the_same(refused, arguments, tmp_path: Path) -> None:
    error = refused(*arguments, "--samples", 3, "--output", tmp_path / "run")
    assert "--samples 3 needs --temperature, such as 0.7" in error
