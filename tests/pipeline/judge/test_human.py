"""Sheets for annotators and their answers, from export to agreement."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import pytest

from gisteval.records.run_folder import RunFolder

N = 60
OUTPUTS = {
    "pos": [f"good {n}" for n in range(N)],
    "gist-1": [f"good {n}" if n % 3 == 0 else f"poor {n}" for n in range(N)],
    "gist-2": [f"else {n}" for n in range(N)],
}
HOSTILE = "<script>alert(1)</script>=1+1\x07"


@pytest.fixture
def judged(make_run, gisteval, tmp_path) -> Path:
    """A run judged by reference, with a sheet of gist-1 in tmp_path/sheet."""
    run = make_run(OUTPUTS)
    assert gisteval("judge", run).code == 0
    command = (
        "human",
        "export",
        run,
        "--system",
        "gist-1",
        "--split",
        "test",
        "--output",
        tmp_path / "sheet",
    )
    outcome = gisteval(*command, "-n", 30)
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("30 pairs in ")
    return run


def items(folder: Path) -> list[dict[str, str]]:
    with (folder / "sheet.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def answer(sheet: Path, file: Path, mistakes: float, seed: int) -> Path:
    """An annotator who prefers good answers, but for some mistakes."""
    draw = random.Random(seed)
    lines = ["id,choice"]
    for item in items(sheet):
        good = "1" if item["answer_1"].startswith("good") else "2"
        lines.append(f"{item['id']},{draw.choice(['1', '2', 'tie']) if draw.random() < mistakes else good}")
    file.write_text("\n".join(lines) + "\n")
    return file


def test_the_sheet_is_blind_and_its_orders_are_drawn(judged: Path, tmp_path: Path) -> None:
    rows = items(tmp_path / "sheet")
    firsts = [item["answer_1"].split()[0] for item in rows]
    assert len(rows) == 30 and 5 < firsts.count("good") < 25
    page = (tmp_path / "sheet" / "sheet.html").read_text(encoding="utf-8")
    for text in ("gist", "pos", "control"):
        assert text not in (tmp_path / "sheet" / "sheet.csv").read_text()
        assert text not in page[page.index("<article>") : page.rindex("</article>")]
    assert page.count('type="radio"') == 90
    assert all(item["answer_1"] != item["answer_2"] and item["choice"] == "" for item in rows)


def test_three_annotators(judged: Path, tmp_path: Path, gisteval) -> None:
    files = [
        answer(tmp_path / "sheet", tmp_path / f"{name}.csv", mistakes, seed)
        for seed, (name, mistakes) in enumerate([("ann", 0.0), ("bob", 0.0), ("cyd", 1.0)])
    ]
    outcome = gisteval("human", "import", judged, *files, "--json")
    assert outcome.code == 0, outcome.err
    entries = json.loads(outcome.out)
    pairs = {e["judge"]: e for e in entries if e["kind"] == "pairs"}
    assert pairs["human:ann"]["win_rate"]["value"] == 0.0 and pairs["human:ann"]["pairs"] == 30
    assert 20 < pairs["human:cyd"]["win_rate"]["value"] < 80
    kappas = {tuple(e["judges"]): e["kappa"] for e in entries if e["kind"] == "agreement"}
    assert len(kappas) == 6  # three pairs of annotators, each of them with the reference judge
    assert abs(kappas["human:ann", "human:cyd"]) < 0.5
    panel = next(e for e in entries if e["kind"] == "panel")
    assert (panel["pairs"], panel["answers"], len(panel["judges"])) == (30, 90, 3)
    assert panel["alpha"] < 0.6
    rows = {row.judge: row.value for row in RunFolder.open(judged).results() if row.system == "gist-1"}
    assert {"reference", "human:ann", "human:bob", "human:cyd"} <= set(rows)
    report = (judged / "report" / "report.md").read_text()
    assert "Human preference" in report and "Krippendorff" in report
    assert gisteval("judge", judged).code == 0
    assert {row.judge for row in RunFolder.open(judged).results()} >= set(pairs)


def test_answers_can_be_corrected(judged: Path, tmp_path: Path, gisteval) -> None:
    for mistakes in (1.0, 0.0):
        file = answer(tmp_path / "sheet", tmp_path / "ann.csv", mistakes, 1)
        assert gisteval("human", "import", judged, file).code == 0
    entry = next(e for e in RunFolder.open(judged).judging() if e.judges == ("human:ann",))
    assert (entry.pairs, entry.losses) == (30, 30)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "holds no answers"),
        ("id,choice\n", "holds no answers"),
        ("a,b\n1,2\n", "has no columns id and choice"),
        ("id,choice\nx,3\n", "line 2: choice '3' must be 1, 2 or tie"),
        ("id,choice\nx,1\nx,2\n", "line 3: item x is answered twice"),
        ("id,choice\nx,1\n", "1 of 1 item (first x) are not in this run"),
    ],
)
def test_a_wrong_file_changes_nothing(judged: Path, tmp_path: Path, refused, text: str, line: str) -> None:
    file = tmp_path / "ann.csv"
    file.write_text(text)
    before = sorted(path.name for path in (judged / "verdicts").iterdir())
    assert line in refused("human", "import", judged, file)
    assert sorted(path.name for path in (judged / "verdicts").iterdir()) == before


def test_names_and_order_of_the_commands(make_run, refused, tmp_path: Path) -> None:
    run = make_run(OUTPUTS)
    export = ("human", "export", run, "--output", tmp_path / "sheet")
    assert "did you mean 'gist-1'" in refused(*export, "--system", "gist1", "--split", "test")
    assert "choose from gist-1, gist-2" in refused(*export, "--system", "pos", "--split", "test")
    assert "split 'human' is unknown" in refused(*export, "--system", "gist-1", "--split", "human")
    (tmp_path / "a.csv").write_text("id,choice\nx,1\n")
    assert "has exported no sheet" in refused("human", "import", run, tmp_path / "a.csv")


def test_hostile_outputs_stay_text(make_run, gisteval, tmp_path: Path) -> None:
    run = make_run({"pos": ["=SUM(A1)", "+1"], "gist-1": [HOSTILE, "@x"]})
    sheet = tmp_path / "sheet"
    command = ("human", "export", run, "--system", "gist-1", "--split", "test", "--output", sheet)
    assert gisteval(*command).code == 0
    page = (sheet / "sheet.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)" in page
    cells = {item[name] for item in items(sheet) for name in ("answer_1", "answer_2")}
    assert cells == {"'=SUM(A1)", "+1", "'@x", HOSTILE.replace("\x07", "\ufffd")}


def test_labels_correct_a_judge_on_all_pairs(gisteval, judged, tmp_path) -> None:
    assert "Uncorrected: no labels of people" in gisteval("judge", judged).out
    ann = answer(tmp_path / "sheet", tmp_path / "ann.csv", mistakes=0.1, seed=1)
    outcome = gisteval("human", "import", judged, ann, "--json")
    assert outcome.code == 0, outcome.err
    found = next(e for e in json.loads(outcome.out) if e["kind"] == "corrected")
    assert (found["judge"], found["system"], found["labels"]) == ("reference", "gist-1", 30)
    # A third of the pairs are equal outputs; of the others people prefer the control in nine of ten.
    alone, rate = found["labels_alone"], found["win_rate"]
    assert alone["n"] == N and rate["ci_low"] < 50.0 / 3.0 + 5.0 < rate["ci_high"]
    assert rate["ci_high"] - rate["ci_low"] <= alone["ci_high"] - alone["ci_low"]
    assert "Win rates corrected by people's labels" in (judged / "report" / "report.md").read_text()
    assert gisteval("judge", judged).code == 0


def test_contested_pairs_are_chosen_more_often(gisteval, refused, judged, tmp_path) -> None:
    """The reference judge sees no order, and calls all pairs of gist-2 wins of the control, or ties."""
    command = ("human", "export", judged, "--split", "test", "--output", tmp_path / "chosen")
    assert "was not judged by 'nobody'" in refused(*command, "--system", "gist-2", "--choose", "nobody")
    assert gisteval(*command, "--system", "gist-2", "-n", 20, "--choose", "reference").code == 0
    sheets = json.loads((judged / "verdicts" / "sheets.json").read_text())
    assert [sheet.get("chosen_by") for sheet in sheets] == ["", "reference"]
    chosen = {item["id"] for item in items(tmp_path / "chosen")}
    assert len(chosen) == 20
    bea = answer(tmp_path / "chosen", tmp_path / "bea.csv", mistakes=0.0, seed=2)
    outcome = gisteval("human", "import", judged, bea, "--json")
    assert outcome.code == 0, outcome.err
    found = next(e for e in json.loads(outcome.out) if e["kind"] == "corrected")
    assert found["labels"] == 20 and found["rogan_gladen"] is None
