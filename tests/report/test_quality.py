"""The paper's tables from small runs whose numbers can be checked by hand, and LaTeX that compiles."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gisteval.importer.records import ImportedOutputs, SystemLabel
from gisteval.pipeline.imports.records import claim_folder, score_rows, write_generations, write_verdicts
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Choice, Example, Verdict
from gisteval.report.build import build_report, report_tables
from gisteval.report.data import read_runs
from gisteval.report.layout import Table
from gisteval.report.samples import collect_samples

EXAMPLES = tuple(
    Example(str(n), "small", "test", f"say {n}", "", f"word{n} is the answer") for n in range(40)
)
SYSTEMS = {
    "positive": SystemLabel("x-pos_control-1", "x", "pos_control", 1),
    "one": SystemLabel("x-gist-1", "x", "gist", 1),
    "two": SystemLabel("x-gist-2", "x", "gist", 2),
    "negative": SystemLabel("x-neg_control-1", "x", "neg_control", 1),
}


def outputs(system: SystemLabel, right: int, seed: int = 0) -> ImportedOutputs:
    """So many right answers of 40, at random places; the others share no word with the reference."""
    chosen = set(random.Random(seed).sample(range(40), right))
    texts = {
        example.content_id: example.output if n in chosen else "none" for n, example in enumerate(EXAMPLES)
    }
    return ImportedOutputs(system, "test", EXAMPLES, texts, "here")


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., RunFolder]:
    def make(one: int, two: int, name: str = "run", verdicts: list[Verdict] | None = None) -> RunFolder:
        right = {"positive": 40, "one": one, "two": two, "negative": 0}
        parts = [outputs(SYSTEMS[key], count) for key, count in right.items()]
        labels = [part.system for part in parts]
        folder = claim_folder(tmp_path / name, "small", {"test": EXAMPLES}, labels, {}, ["x"])
        write_generations(folder, parts)
        write_verdicts(folder, verdicts or [])
        folder.write_results(list(score_rows(parts)), "a:b", {}, [])
        return folder

    return make


def named(folder: RunFolder) -> dict[str, Table]:
    data = read_runs([folder])
    return {table.name: table for table in report_tables(data, collect_samples(data))}


def test_scores_stand_beside_what_they_retain(make_run) -> None:
    table = named(make_run(30, 20))["main"]
    rows = {row[1]: row for row in table.rows}
    assert rows["x-pos_control-1"][3:5] == ("100.0 [91.2, 100.0]", "-")
    assert rows["x-gist-1"][3].startswith("75.0 [") and rows["x-gist-1"][4].startswith("75 [")
    assert rows["x-neg_control-1"][4] == "-"


def test_only_what_is_significantly_better_is_bold(make_run) -> None:
    clear = named(make_run(38, 2, "clear"))
    place = [row[1] for row in clear["main"].rows].index("x-gist-1")
    assert clear["main"].best == {(place, 3)}
    sweep = clear["k-sweep-x-pos_control-1-rougeL"]
    assert sweep.columns == ("split", "negative control", "k = 1", "k = 2", "positive control")
    assert sweep.best == {(0, 2)}
    close = named(make_run(21, 20, "close"))
    assert close["main"].best == close["k-sweep-x-pos_control-1-rougeL"].best == frozenset()
    equal = named(make_run(20, 20, "equal"))
    assert equal["main"].best == frozenset()


def test_the_sweep_needs_two_values_of_k_and_costs_need_a_profile(make_run) -> None:
    tables = named(make_run(30, 20))
    assert "efficiency" not in tables and "paper" not in tables and "saved-figures" not in tables
    (row,) = tables["k-sweep-x-pos_control-1-rougeL"].rows
    assert [cell.split(" ")[0] for cell in row] == ["test", "0.0", "75.0", "50.0", "100.0"]


def test_exact_match_says_which_references_rouge_is_blind_to(make_run) -> None:
    table = named(make_run(30, 20))["exact-match"]
    assert table.note == ""
    assert table.rows[1][:2] == ("test", "x-gist-1")
    assert table.rows[1][2].startswith("75.0 [")


def test_judges_that_saw_the_same_pairs_are_compared(make_run) -> None:
    def verdict(judge: str, number: int, choice: Choice) -> Verdict:
        pair = EXAMPLES[number].content_id
        key = f"{judge}{number}"
        one, reference = "x-gist-1", "x-pos_control-1"
        return Verdict(key, pair, "small", "test", one, reference, judge, "main", "ab", choice, "")

    # 20 pairs: both say a in 8, both b in 4, both tie in 2, they differ in 6.
    first: list[Choice] = ["a"] * 8 + ["b"] * 4 + ["tie"] * 2 + ["a"] * 6
    second: list[Choice] = ["a"] * 8 + ["b"] * 4 + ["tie"] * 2 + ["b"] * 6
    found = [verdict("j", n, choice) for n, choice in enumerate(first)]
    found += [verdict("h", n, choice) for n, choice in enumerate(second)]
    table = named(make_run(30, 20, verdicts=found))["agreement"]
    (row,) = table.rows
    # Chance: (14 * 8 + 4 * 10 + 2 * 2) / 400 = 0.39; kappa = (0.7 - 0.39) / 0.61.
    assert row[:5] == ("h", "j", "test", "x-gist-1", "20")
    assert row[5].startswith("70.0 [")
    assert row[6] == "0.51"


def test_tables_compile(make_run, tmp_path: Path) -> None:
    program = shutil.which("pdflatex")
    if program is None:
        pytest.skip("pdflatex is not installed: the LaTeX tables are not compiled")
    build_report([make_run(38, 2)], tmp_path / "report")
    files = sorted((tmp_path / "report" / "tables").glob("*.tex"))
    assert files
    body = "\n\n".join(rf"\input{{{file}}}" for file in files)
    hostile = Table("t", "T", ("[a", "b_c"), ((r"\x{} ~^|<>", "[1] #$%&"), ("- [x]", "5")))
    from gisteval.report.layout import latex_text

    (tmp_path / "hostile.tex").write_text(latex_text(hostile))
    page = rf"""\documentclass{{article}}\usepackage{{booktabs}}\begin{{document}}\scriptsize
{body}
\input{{{tmp_path / "hostile.tex"}}}
\end{{document}}
"""
    (tmp_path / "page.tex").write_text(page)
    command = [program, "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "page.pdf").stat().st_size > 1000
