"""A finished run in Python: opened again, compared, sampled."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path

import pytest

from gisteval.errors import GistevalError
from gisteval.pipeline.finished import Run, open_run
from gisteval.records.run_folder import RunFolder

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "old_run"
GIST, NEGATIVE = "wordplay-llama-gist-1", "wordplay-llama-neg_control-1"


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    return open_run(shutil.copytree(GOLDEN, tmp_path_factory.mktemp("finished") / "run"))


def test_it_is_read_from_its_folder(run: Run) -> None:
    rows = json.loads((run.folder / "results.json").read_text())["rows"]
    assert run.results["value"].tolist() == [row["value"] for row in rows]
    assert run.judging and run.notes == RunFolder.open(run.folder).notes
    assert repr(run) == f"Run({str(run.folder)!r}: 3 systems, 2 splits)"
    assert run._repr_html_().count("<table>") == 2
    with pytest.raises(GistevalError, match=r"holds no run"):
        open_run(run.folder / "report")


def test_a_comparison_has_the_numbers_of_the_command(run: Run, gisteval) -> None:
    with pytest.warns(UserWarning, match="win rates: the negative control"):
        found = run.compare(run, system=GIST, other_system=NEGATIVE)
    options = ("--system", GIST, "--baseline-system", NEGATIVE, "--changed", "0", "--json")
    outcome = gisteval("compare", run.folder, run.folder, *options)
    assert json.loads(found.to_json(orient="records", double_precision=15)) == [
        pytest.approx(row) for row in json.loads(outcome.out)["differences"]
    ]
    with warnings.catch_warnings(action="error"):
        some = run.compare(str(run.folder), "exact_match", ["human"], GIST, NEGATIVE)
    same = found[(found["metric"] == "exact_match") & (found["split"] == "human")]
    assert some["difference"].tolist() == same["difference"].tolist() and len(some) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"system": "gits-1"}, r"no system 'gits-1'.*with system="),
        ({"metric": "rouge"}, "rouge"),
        ({"split": "humans"}, "no split 'humans'"),
    ],
)
def test_what_can_not_be_compared_is_said(run: Run, options: dict[str, str], message: str) -> None:
    with pytest.raises(GistevalError, match=message):
        run.compare(run, **options)


def test_a_sample_stands_side_by_side(run: Run) -> None:
    folder = RunFolder.open(run.folder)
    found = run.sample(5, seed=3)
    assert len(found) == 5
    names = [system.name for system in folder.systems]
    assert list(found.columns) == ["split", "instruction", "input", "reference", *names]
    examples = {example.id: example for split in folder.splits for example in folder.examples(split)}
    assert list(found.index) == [name for name in examples if name in found.index], "the task's order"
    for name, row in found.iterrows():
        assert (row["instruction"], row["input"]) == (examples[name].instruction, examples[name].input)
        assert row[GIST] == folder.read_outputs(GIST, row["split"])[examples[name].content_id]


def test_a_sample_depends_on_its_seed_alone(run: Run) -> None:
    everything = run.sample(100)
    assert len(everything) == 8 and set(everything["split"]) == {"seen", "human"}
    assert run.sample(3, "human").equals(run.sample(3, ["human"]))
    assert len({tuple(run.sample(3, seed=seed).index) for seed in range(5)}) > 1
    small, large = (set(run.sample(n, seed=1).index) for n in (2, 6))
    assert small < large


def test_a_missing_output_is_none(run: Run, tmp_path: Path) -> None:
    copy = shutil.copytree(run.folder, tmp_path / "run")
    file = RunFolder.open(copy).generations(GIST)
    first, *others = file.read_text().splitlines(keepends=True)
    file.write_text("".join(others))
    found = open_run(copy).sample(100)
    missing = found[found[GIST].isna()]
    assert list(missing.index) == [json.loads(first)["example"]]


@pytest.mark.parametrize(("n", "split", "message"), [(0, None, "at least 1"), (1, "humn", "mean 'human'")])
def test_a_sample_that_can_not_be_drawn(run: Run, n: int, split: str | None, message: str) -> None:
    with pytest.raises(GistevalError, match=message):
        run.sample(n, split)


def test_the_frontier_is_of_the_leading_metric(run: Run, monkeypatch) -> None:
    monkeypatch.setattr("gisteval.report.notebook.can_draw", lambda: False)
    table = run.frontier().table
    row = next(row for row in run.rows if (row.system, row.split, row.metric) == (GIST, "seen", "rougeL"))
    assert table.loc[0, ["rougeL", "ci_low", "ci_high"]].tolist() == [row.value, row.ci_low, row.ci_high]
    assert table["system"].tolist() == [GIST, GIST]
