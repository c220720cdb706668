"""The paper's numbers: each has a source, and the released files confirm those that are here."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from gisteval.errors import GistevalError
from gisteval.importer.verdicts import read_verdict_file
from gisteval.profiling.released import released_means
from gisteval.report.paper import read_paper


def test_numbers_are_those_of_the_release(shared_data: Path) -> None:
    found = {(f.metric, f.system, f.split): f.value for f in read_paper()}
    paper = shared_data / "paper"
    with (paper / "rouge.csv").open(newline="") as stream:
        for row in csv.DictReader(stream):
            system = f"{row['model']}-{row['condition']}-{row['num_gist_tokens']}"
            assert found["rougeL", system, row["split"]] == float(row["value"])
    for file in map(read_verdict_file, sorted((paper / "chatgpt").glob("*.json"))):
        assert found["win_rate", file.system, file.split] == pytest.approx(file.saved_win_rate, abs=5e-4)
    prompt, gist = sorted(
        (paper / "benchmarking").glob("*llama*.csv"), key=lambda f: "-prompt-" not in f.name
    )
    means = {(m.file == prompt.name, m.model): m for m in released_means([prompt, gist])}
    ways = {
        (False, "standard"): "no cache",
        (True, "gist"): "whole-prompt cache",
        (False, "gist"): "gist-1",
    }
    for key, way in ways.items():
        assert round(means[key].gflops, 1) == found["gflops", f"llama-7b, {way}", "human"]
        assert means[key].milliseconds == pytest.approx(
            found["milliseconds", f"llama-7b, {way}", "human"], abs=0.005
        )


def test_every_number_says_what_confirms_it() -> None:
    figures = read_paper()
    assert len(figures) == len({(f.metric, f.system, f.split) for f in figures}) > 40
    assert all(f.source.startswith("jayelm/gisting") for f in figures)


GROUP = "sources: {a: b}\nfigures:\n- {metric: rougeL, source: a, splits: [seen], values: {x: [1]}}\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [", "can't be read"),
        ("figures: 3", "each group needs"),
        (GROUP.replace("source: a", "source: c"), "each group needs"),
        (GROUP.replace("[1]", "[1, 2]"), "each group needs"),
        (GROUP.replace("[1]", "[x]"), "each group needs"),
        (GROUP + GROUP.splitlines()[-1], "twice"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "paper.yaml").write_text(text)
    with pytest.raises(GistevalError, match=says) as caught:
        read_paper(tmp_path)
    assert "paper.yaml" in str(caught.value)


def test_a_number_that_is_not_known_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "paper.yaml").write_text(GROUP.replace("seen]", "seen, human]").replace("[1]", "[1, null]"))
    (figure,) = read_paper(tmp_path)
    assert (figure.split, figure.value, figure.place, figure.source) == ("seen", 1.0, "-", "b")
