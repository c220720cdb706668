"""The leaderboard: groups that the data tell apart, in five forms."""

from __future__ import annotations

import csv
import io
import json

import pytest
from run_folders import claim_run, make_generation, make_system, write_records

from gisteval.errors import GistevalError
from gisteval.records.schema import Example, ResultRow
from gisteval.report.data import ReportData, RunData, read_runs
from gisteval.report.frontier import values_by_metric
from gisteval.report.leaderboard import FORMATS, Ranked, as_text, leaderboard
from gisteval.report.samples import collect_samples
from gisteval.report.values import Values, values_of
from gisteval.scores.rows import run_rows

N = 100
MODELS = ("x", "y<b>")
KINDS = {
    # compressor, condition, k, right answers of N; two pairs are close together
    "pos_control-1": ("full", "pos_control", 1, 90),
    "gist-5": ("gist", "gist", 5, 88),
    "pos_control-1-keydiff-5": ("keydiff", None, 0, 50),
    "pos_control-1-snapkv:window=4-5": ("snapkv:window=4", None, 0, 48),
    "neg_control-1": ("empty", "neg_control", 1, 2),
}


class Systems:
    """What a manifest says of the budgets."""

    systems = tuple(
        make_system(f"{model}-{name}", compressor=kind[0], budget="5" if kind[1] is None else None)
        for model in MODELS
        for name, kind in KINDS.items()
    )


@pytest.fixture(scope="module")
def ranked() -> list[Ranked]:
    rows, columns = [], {}
    for model in MODELS:
        whole = f"{model}-pos_control-1"
        for name, (compressor, condition, k, right) in KINDS.items():
            system = f"{model}-{name}"
            reference = None if system == whole else whole
            value = 100 * right / N
            named = ("words", "unseen", system, condition, None, compressor, k, "exact_match")
            rows.append(ResultRow(*named, value, value - 4, value + 4, "percent", N, N, 0, reference))
            columns["exact_match", system, "unseen"] = {f"{n}": 100.0 * (n < right) for n in range(N)}
    values = Values(columns=columns, clusters={f"{n}": f"say {n}" for n in range(N)})
    data = ReportData((RunData("run", Systems(), {}, tuple(rows), (), None),))
    return leaderboard(data, values, "exact_match")


def test_systems_that_are_not_told_apart_share_a_group(ranked: list[Ranked]) -> None:
    for model in MODELS:
        own = {one.system.removeprefix(f"{model}-"): one for one in ranked if one.model == model}
        assert [one.group for one in own.values()] == [1, 1, 3, 3, 5]
        assert list(own) == list(KINDS)
        assert [one.better for one in own.values()] == [3, 3, 1, 1, 0]
        assert [one.budget for one in own.values()] == ["", "5", "5", "5", ""]
        assert [one.group_of_budget for one in own.values()] == [None, 1, 2, 2, None]
        assert own["pos_control-1-snapkv:window=4-5"].family == "snapkv"


def test_every_form_has_every_system(ranked: list[Ranked]) -> None:
    made = {ending: write(ranked) for ending, write in FORMATS.items()}
    rows = list(csv.DictReader(io.StringIO(made["csv"])))
    content = json.loads(made["json"])
    assert (
        [row["system"] for row in rows] == [one["system"] for one in content] == [r.system for r in ranked]
    )
    assert [float(row["exact match"]) for row in rows] == [one["value"] for one in content]
    assert [int(row["group"]) for row in rows] == [one["group"] for one in content]
    assert "y<b>" not in made["html"] and made["html"].count("y&lt;b&gt;-gist-5") == 1
    assert made["md"].count("| 3 |") >= 4 and as_text(ranked).count("words, unseen: ") == 2
    assert max(map(len, as_text(ranked).splitlines())) <= 80


def test_a_metric_that_is_not_there() -> None:
    data = ReportData(())
    with pytest.raises(GistevalError, match=r"metric 'rouge' is unknown \(did you mean 'rougeL'\?\)"):
        leaderboard(data, Values(), "rouge")
    with pytest.raises(GistevalError, match="no run has ROUGE-L"):
        leaderboard(data, Values(), "rougeL")
    with pytest.raises(GistevalError, match="--metric win_rate is no score of single examples"):
        leaderboard(data, Values(), "win_rate")


def test_right_answers_among_several_are_ranked(tmp_path) -> None:
    examples = [Example(f"e{n}", "t", "s", f"do {n}", str(n), "yes") for n in range(4)]
    systems = [make_system("m-gist-1"), make_system("m-gist-2", k=2)]
    run = claim_run(tmp_path / "run", {"s": examples}, systems, samples=2)
    # The first system is right in one of two answers to each; the other in both, but in none to the last.
    for system, texts in zip(systems, (["yes", "no"], ["yes", "yes"]), strict=True):
        records = [
            make_generation(system, example, text, key=f"{example.id} {number}", sample=number)
            for example in examples
            for number, text in enumerate(["no", "no"] if example.id == "e3" and system.k == 2 else texts)
        ]
        write_records(run.generations(system.name), records)
    run.write_results(list(run_rows(run)), "signature")
    data = read_runs([run])
    values = values_of(collect_samples(data))
    found = {
        name: [(one.system, one.value, one.n) for one in leaderboard(data, values, name)]
        for name in ("exact_match.pass@2", "exact_match.pass^2")
    }
    assert found["exact_match.pass@2"] == [("m-gist-1", 100.0, 4), ("m-gist-2", 75.0, 4)]
    assert found["exact_match.pass^2"] == [("m-gist-2", 75.0, 4), ("m-gist-1", 0.0, 4)]
    column = values_by_metric(data, values, "exact_match.pass@2").columns[
        "exact_match.pass@2", "m-gist-2", "s"
    ]
    assert sorted(column.values()) == [0.0, 100.0, 100.0, 100.0]
    with pytest.raises(
        GistevalError, match=r"no run has exact match, pass@4: choose .* of rougeL, .*pass@2"
    ):
        leaderboard(data, values, "exact_match.pass@4")


# The command


def test_a_run_is_ranked_and_written(small_run, tmp_path, gisteval) -> None:
    files = [tmp_path / "new" / f"board.{ending}" for ending in ("md", "csv", "json", "html")]
    outputs = [part for file in files for part in ("--output", file)]
    outcome = gisteval("leaderboard", small_run.path, *outputs, "--json")
    assert outcome.code == 0, outcome.err
    rows = json.loads(outcome.out)
    assert json.loads(files[2].read_text()) == rows
    assert all(row["system"] in file.read_text() for file in files for row in rows)
    known = {(row.system, row.split): row.value for row in small_run.results() if row.metric == "rougeL"}
    assert {(row["system"], row["split"]): row["value"] for row in rows} == known
    last = {row["split"]: row["system"] for row in rows}
    assert set(last.values()) == {"tiny-neg_control-1"}
    assert "Systems of one group are not told apart" in gisteval("leaderboard", small_run.path).out


def test_an_unknown_ending_is_refused(small_run, tmp_path, refused) -> None:
    said = refused("leaderboard", small_run.path, "--output", tmp_path / "board.pdf")
    assert "the ending must be one of .md, .csv, .json, .html" in said
