"""Quality by length, depth, facts and parts: tables, figures, and the size of a page of long prompts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from run_folders import claim_run, make_generation, make_system, write_records

from gisteval.metrics import metric
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Example
from gisteval.report.claims import findings
from gisteval.report.data import read_runs
from gisteval.report.figures.folder import FigureFolder
from gisteval.report.figures.groups import draw_groups
from gisteval.report.groups import group_tables, levels
from gisteval.report.page import PageContent, write_page
from gisteval.report.page_data import excerpt
from gisteval.report.samples import collect_samples
from gisteval.scores.comparison import mean_of
from gisteval.scores.rows import run_rows

POSITIVE = make_system("m-pos_control", "positive")
SYSTEMS = [
    POSITIVE,
    make_system("m-keydiff-25%", compressor="keydiff", k=0),
    make_system("m-pool-25%", compressor="pool", k=0),
    make_system("m-neg_control", "negative"),
]


def run_of(folder: Path, examples: list[Example]) -> RunFolder:
    """A finished run: the control knows all, a candidate what stands early or in short prompts."""
    run = claim_run(folder, {"single": examples}, SYSTEMS, "needle", metrics=("string_match_all", "nll"))
    for system in SYSTEMS:
        made = []
        for number, example in enumerate(examples):
            easy = (example.length or 0) <= 512 or (example.depth or 0) < 50
            knows = system.role == "positive" or (system.role == "candidate" and easy and number % 7)
            made.append(make_generation(system, example, example.output if knows else "nothing"))
        write_records(run.generations(system.name), made)
    run.write_results(list(run_rows(run)), "s")
    return run


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    examples = [
        Example(
            f"e{n}", "needle", "single", f"text {n}", "which?", f"{1000 + n}",
            depth=float(25 * (n // 3 % 5)), length=[256, 512, 1024][n % 3], facts=1, part="ab"[n % 2],
        )
        for n in range(90)
    ]  # fmt: skip
    return collect_samples(read_runs([run_of(tmp_path_factory.mktemp("run"), examples)]))


def test_tables_have_a_row_a_level_with_its_interval(samples) -> None:
    tables = {table.name: table for table in group_tables(samples)}
    assert set(tables) == {"by-length", "by-depth", "by-part"}  # one number of facts is no grouping
    rows = [row for row in tables["by-depth"].rows if row[1] == "m-keydiff-25%"]
    assert [row[2] for row in rows] == ["0", "25", "50", "75", "100"]
    assert {row[4] for row in rows} == {"18"}
    values = [100.0 * (s.outputs["m-keydiff-25%"].text != "nothing") for s in samples.samples
              if s.example.depth == 75]  # fmt: skip
    expected = mean_of(metric("string_match_all"), np.array(values), None)
    assert rows[3][3].startswith(f"{expected.value:.1f} [{expected.ci_low:.1f}, ")


def test_many_depths_become_ranges_that_hold_each_example_once() -> None:
    examples = [Example(str(n), "t", "s", "i", "", "o", depth=n / 2) for n in range(201)]
    found = levels("depth", examples)
    assert [level.label for level in found] == ["0 to 20", "20 to 40", "40 to 60", "60 to 80", "80 to 100"]
    assert [sum(level.holds(e) for level in found) for e in examples] == [1] * 201
    assert levels("part", examples) == []


def test_figures_are_drawn_for_what_there_is(samples, tmp_path: Path) -> None:
    names = [name for name, _, _ in draw_groups(samples, FigureFolder(tmp_path))]
    assert names == ["by_length", "depth_by_length-single"]
    drawn = (tmp_path / "depth_by_length-single.svg").read_text()
    assert drawn.count("<!-- n=6 -->") == 4 * 15  # a count in every cell of every system


def test_a_page_of_1000_long_prompts_stays_below_10_mb(tmp_path: Path) -> None:
    """Four systems, outputs of 600 characters; samples of a run of twelve, repeated with other prompts."""
    text = "word " * 8192
    examples = [Example(f"e{n}", "t", "single", f"{n} {text}", "?", f"{n}", length=8192) for n in range(12)]
    data = read_runs([run_of(tmp_path, examples)])
    found = collect_samples(data)
    many = []
    for n in range(1000):
        sample = found.samples[n % 12]
        example = replace(sample.example, id=f"e{n}", instruction=f"{n} {text}")
        outputs = {name: replace(o, text=f"{n} {text[:600]}") for name, o in sample.outputs.items()}
        many.append(replace(sample, slug=f"{n:012}", example=example, outputs=outputs))
    samples = replace(found, samples=tuple(many))
    said = findings(data.rows, samples, ())
    page = write_page(PageContent(data, said, group_tables(samples), (), samples), tmp_path / "report.html")
    assert 4e6 < page.stat().st_size < 10e6  # the prompts alone are 41 MB
    shown = page.read_text()
    assert '"e0"' in shown and '"e999"' in shown
    assert "38,96" in shown and "characters left out" in shown


def test_only_long_texts_are_cut() -> None:
    assert excerpt("a" * 2400) == "a" * 2400
    cut = excerpt("a" * 3000 + "end")
    assert len(cut) < 2100 and cut.endswith("end") and "1,003 of 3,003 characters" in cut
