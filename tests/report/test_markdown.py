"""report.md: notes, tables and where the numbers come from."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from run_folders import claim_run, make_system

from gisteval.records.manifest import SelfCheckFacts
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Example, ResultRow
from gisteval.report.build import build_report
from gisteval.report.layout import markdown_code

ROW = ResultRow(
    "small", "seen", "gist-1", "gist", None, "gist", 1, "rougeL", 45.44, 39.5, 51.2, "percent", 24, 8, 0
)
CHECK = SelfCheckFacts(examples=6, tokens=28, max_nll_difference=9.5e-07, greedy_mismatches=0)
EXAMPLES = {"seen": [Example("1", "small", "seen", "say cats", "", "cats")]}


def finished(path: Path, notes: list[str], **manifest: object) -> RunFolder:
    known = {
        "command": ("gisteval", "run", "--limit", "24"),
        "versions": {"torch": "2.13.0"},
        "self_check": {"gist-1": CHECK},
    }
    folder = claim_run(path, EXAMPLES, [make_system("gist-1")], "small", **{**known, **manifest})
    folder.write_results([ROW], "a:b", {}, notes)
    return folder


def test_the_report_has_notes_table_and_origin(tmp_path: Path) -> None:
    notes = ["pos_control is untrained: own weights.", "2 examples exceed the context & <more>."]
    page = build_report([finished(tmp_path / "run", notes)], tmp_path / "report")
    assert page == tmp_path / "report" / "report.html"
    lines = page.with_suffix(".md").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# small: seen"
    assert "`gisteval run --limit 24`" in lines
    assert f"> **Note.** {notes[0]}" in lines
    assert "> **Note.** 2 examples exceed the context & &lt;more>." in lines  # shown as <more>
    (row,) = [line for line in lines if line.startswith("| gist-1 | 1 |")]
    header = lines[lines.index(row) - 2]
    assert row.count("|") == header.count("|") == lines[lines.index(row) - 1].count("|")
    assert "45.4 [39.5, 51.2]" in row
    assert "| device, dtype | cpu, float32 |" in lines
    assert "| torch | 2.13.0 |" in lines
    assert "| gist-1 | 6 | 28 | 9.5e-07 | 0 |" in lines
    assert not any("from the stock model" in line for line in lines)  # a run of an older version


def test_the_report_says_how_far_each_part_of_the_self_check_is_off(tmp_path: Path) -> None:
    figures = {"loss_difference": 0.031, "decoded_difference": 0.02, "batch_difference": 0.004}
    check = replace(CHECK, **figures, rounding=0.1, tolerance=0.25)
    checks = {"gist-1": replace(check, stock_difference=0.0051), "gist-2": check}
    page = build_report([finished(tmp_path / "run", [], self_check=checks)], tmp_path / "report")
    lines = page.with_suffix(".md").read_text(encoding="utf-8").splitlines()
    assert "| gist-1 | 6 | 28 | 9.5e-07 | 0 | 0.0051 | 0.004 | 0.031 | 0.02 | 0.1 | 0.25 |" in lines
    assert "| gist-2 | 6 | 28 | 9.5e-07 | 0 | - | 0.004 | 0.031 | 0.02 | 0.1 | 0.25 |" in lines
    assert "0.0051 nats from the stock model" in page.read_text(encoding="utf-8")


def test_systems_of_several_runs_are_told_apart(tmp_path: Path) -> None:
    runs = [finished(tmp_path / name, [f"about {name}"]) for name in ("one", "two")]
    build_report(runs, tmp_path / "report")
    text = (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
    assert "| one/gist-1 |" in text
    assert "> **Note.** two: about two" in text
    assert "## How two was made" in text


HOSTILE = "<script>alert(1)</script>\n# Passed\n![x](http://evil/x.png) [y](javascript:z) `<b>` | \x1b[2J"


def test_no_text_of_others_leaves_its_place(tmp_path: Path) -> None:
    """Task, split, system, note, command and versions may be anybody's, as a run folder is."""
    example = replace(EXAMPLES["seen"][0], split=HOSTILE)
    folder = claim_run(
        tmp_path / "run",
        {HOSTILE: [example]},
        [make_system(HOSTILE)],
        HOSTILE,
        command=("gisteval", HOSTILE),
        device=HOSTILE,
        versions={HOSTILE: HOSTILE},
        self_check={HOSTILE: CHECK},
    )
    row = replace(ROW, split=HOSTILE, system=HOSTILE)
    folder.write_results([row, replace(row, metric="nll", unit="nats")], "a:b", {}, [HOSTILE])
    page = build_report([folder], tmp_path / "report").with_suffix(".md")
    text = page.read_text(encoding="utf-8")
    assert text.count("alert(1)") > 8 and "\x1b" not in text
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text)  # HTML and links are plain text within code
    assert "<script" not in outside and "](" not in outside
    assert not any(line.startswith(("# Passed", "![")) for line in text.splitlines())


def test_a_command_stays_code() -> None:
    assert markdown_code("a `b` ``c``") == "``` a `b` ``c`` ```"
    assert markdown_code("gisteval run") == "`gisteval run`"
