"""Several answers to one example count with their mean."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from run_folders import claim_run, make_generation, make_system, write_records

from gisteval.errors import InvalidRun
from gisteval.metrics import metric, metrics_of
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Example
from gisteval.records.store import write_json
from gisteval.scores.columns import read_system
from gisteval.scores.lines import ScoredOutput
from gisteval.scores.repeats import known_values, merged, read_scores, variances_within
from gisteval.scores.rows import result_rows, run_rows

EXAMPLES = [Example(f"e{n}", "t", "s", f"do {n // 2}", str(n), "yes") for n in range(4)]
EXACT, LENGTH, NLL = metric("exact_match"), metric("length"), metric("nll")
POSITIVE, GIST = make_system("pos", "positive", reference="pos"), make_system("gist-1", reference="pos")
TEXTS = [["yes", "no", "yes"], ["no no", "no", "no"], ["yes", "yes", "yes"], ["no", "no", "yes"]]
THEIRS = [["yes", "yes", "yes"], ["no no", "yes", "no"], ["yes", "yes", "no"], ["no", "no", "yes"]]


def make(folder: Path, ours: list[list[str | None]], drawn: int = 3) -> RunFolder:
    """A run of two systems with several answers to each example; None for a missing one."""
    run = claim_run(folder, {"s": EXAMPLES}, [GIST, POSITIVE], samples=drawn)
    for system, texts in ((GIST, ours), (POSITIVE, THEIRS)):
        records = [
            make_generation(
                system, example, text, key=f"{system.name} {example.id} {number}", sample=number
            )
            for example, own in zip(EXAMPLES, texts, strict=True)
            for number, text in enumerate(own)
            if text is not None
        ]
        write_records(run.generations(system.name), records[::-1])
    return run


def test_values_are_means_and_n_counts_examples(tmp_path: Path) -> None:
    run = make(tmp_path / "run", TEXTS)
    rows = {(row.system, row.metric): row for row in run_rows(run)}
    exact = rows["gist-1", "exact_match"]
    assert exact.value == pytest.approx(100.0 * 6 / 12)
    assert (exact.n, exact.clusters, exact.failures) == (4, 2, 0)
    assert exact.difference == pytest.approx(50.0 - 100.0 * 7 / 12)
    assert rows["gist-1", "length"].value == pytest.approx(13 / 12)
    # Of three answers each, two, none, three and one are right.
    assert rows["gist-1", "exact_match.pass@2"].value == pytest.approx(100.0 * np.mean([1, 0, 1, 2 / 3]))
    assert rows["gist-1", "exact_match.pass^2"].value == pytest.approx(100.0 * np.mean([1 / 3, 0, 1, 0]))
    assert rows["gist-1", "exact_match.pass@3"].value == 75.0
    assert rows["gist-1", "exact_match_pos"].value == pytest.approx(100.0 * np.mean([2, 2, 2, 3]) / 3)
    variances = [np.var([100.0 * (text == "yes") for text in own], ddof=1) for own in TEXTS]
    assert rows["gist-1", "exact_match.sd_samples"].value == pytest.approx(np.mean(variances) ** 0.5)
    assert ("gist-1", "nll.sd_items") not in rows


def test_more_records_than_the_run_asks_for_are_left_out(tmp_path: Path) -> None:
    run = make(tmp_path / "run", TEXTS, drawn=2)
    (row,) = (row for row in run_rows(run) if (row.system, row.metric) == ("gist-1", "exact_match"))
    assert row.value == pytest.approx(100.0 * np.mean([1, 0, 2, 0]) / 2)


def test_a_missing_answer_is_a_failure_of_its_example(tmp_path: Path) -> None:
    ours = [[*TEXTS[0][:2], None], *TEXTS[1:]]
    run = make(tmp_path / "run", ours)
    with pytest.raises(InvalidRun, match=r"gist-1 on s: 1 example has no record \(e0"):
        read_system(run, "gist-1", "s")
    write_json(run.path / "failures.json", [{"system": "gist-1", "split": "s", "example": "e0"}])
    scores = read_system(run, "gist-1", "s")
    assert scores is not None and scores.failures == 1
    assert scores.answered.tolist() == [False, True, True, True]
    assert scores.columns["exact_match"][0] == pytest.approx(100.0 / 3)
    assert scores.columns["length"][0] == 1.0


def test_greedy_runs_have_no_rows_of_repeats(tmp_path: Path) -> None:
    run = claim_run(tmp_path / "run", {"s": EXAMPLES}, [GIST])
    write_records(run.generations("gist-1"), (make_generation(GIST, e, "yes") for e in EXAMPLES))
    scores = read_system(run, "gist-1", "s")
    assert scores is not None and scores.samples == 1 and scores.within == {}
    names = [row.metric for row in result_rows(scores, None, None, metrics_of())]
    assert not any("." in name for name in names)
    single = next(read_scores(run, "gist-1", "s", EXAMPLES, [EXACT]))
    assert single.samples == () and single.complete


def test_merging_counts_a_missing_answer_as_the_worst_where_a_metric_grades() -> None:
    generation = make_generation(GIST, EXAMPLES[0], "yes", nll=None)
    one = ScoredOutput(generation, EXAMPLES[0], {"exact_match": 100.0, "length": 1.0})
    two = replace(one, values={"exact_match": 100.0, "length": 3.0})
    found = merged([None, one, two], [EXACT, LENGTH, NLL])
    assert found.values["exact_match"] == pytest.approx(200.0 / 3)
    assert found.values["length"] == 2.0 and "nll" not in found.values
    assert found.generation is generation and not found.complete
    assert found.texts == (None, *one.texts, *one.texts)
    assert known_values(found.samples, EXACT) == [0.0, 100.0, 100.0]
    assert variances_within(found, [EXACT, NLL]) == {"exact_match": pytest.approx(10000.0 / 3)}
