"""Tables, pages and figures from plain content, without torch."""

from __future__ import annotations

import csv
import io
import subprocess
import sys

import pytest
from profile_content import profile_content

from gisteval.records.profile_facts import ModelProfile
from gisteval.report.layout import Table, engineering, latex_text, markdown_text, plain_text, size_text
from gisteval.report.profile import write_profile_report
from gisteval.report.profile_tables import tables


@pytest.fixture
def content() -> dict:
    """A small profile.json of a model, as plain values."""
    return profile_content()


def test_a_model_profile_is_written_whole(content, tmp_path):
    page = write_profile_report(ModelProfile.from_json(content), tmp_path, ["pdf"]).read_text()
    assert "> **Note.** a note" in page
    for name in ("break_even-batch-1", "latency_breakdown-batch-1", "roofline", "cost_by_prompt_length"):
        assert f"figures/{name}.svg" in page
        assert (tmp_path / "figures" / f"{name}.svg").read_bytes().startswith(b"<?xml")
        assert (tmp_path / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    names = {file.name for file in (tmp_path / "tables").iterdir()}
    assert {"profile-time-batch-1.csv", "profile-time-batch-1.tex", "profile-storage.csv"} <= names


def test_one_repetition_has_no_interval_anywhere(content, tmp_path):
    """And without FLOPs only what was timed is shown."""
    once = {"low": None, "high": None, "n": 1, "confidence": 0.0}
    (batch,) = content["batches"]
    batch["rounds"] = 1
    batch["curves"].pop("flops")
    batch["break_even"][0]["interval"] = None
    batch["savings"] = [{**batch["savings"][0], **once, "percent_interval": None}]
    for way in batch["systems"]:
        way["seconds"] = {phase: found and {**found, **once} for phase, found in way["seconds"].items()}
        way.update(flops=None, attained=[])
    content["by_prompt_length"] = []
    profile = ModelProfile.from_json(content)
    page = write_profile_report(profile, tmp_path).read_text()
    found = {table.name: table for table in tables(profile)}
    assert set(found) == {"time-batch-1", "savings-batch-1", "break-even-batch-1", "storage"}
    cells = [cell for table in found.values() for row in table.rows for cell in row]
    assert not [cell for cell in cells if "[" in cell]
    assert found["time-batch-1"].note.startswith("One repetition: no interval")
    assert not [column for column in found["time-batch-1"].columns if "FLOPs" in column]
    assert found["savings-batch-1"].rows[0][-1] == "too few passes"
    cells = found["break-even-batch-1"].rows[0][3:]
    assert cells == ("from about 4 uses", "too few passes", "never", "75.0%")
    assert "roofline" not in page and (tmp_path / "figures" / "break_even-batch-1.svg").is_file()


def test_layouts_of_a_table():
    table = Table("n", "T", ("way", "a_b"), (("x & y", "5%"), ("z", "1,000")), "note")
    assert list(csv.reader(io.StringIO(table.csv_text())))[2] == ["z", "1,000"]
    assert r"x \& y & 5\% \\" in latex_text(table) and r"way & a\_b \\" in latex_text(table)
    assert markdown_text(table).splitlines()[0] == "| way | a_b |"
    lines = plain_text(table).splitlines()
    assert lines[0] == "T" and lines[1].split() == ["way", "a_b"]


@pytest.mark.parametrize(
    ("value", "expected"), [(552.5e9, "552 G"), (999.6e9, "1 T"), (12, "12"), (0, "0"), (1e18, "1e+03 P")]
)
def test_numbers_with_prefixes(value, expected):
    assert engineering(value) == expected


def test_sizes_in_decimal_units():
    assert [size_text(x) for x in (512, 1_048_576, 80e9, 2e15)] == ["512 B", "1.05 MB", "80 GB", "2 PB"]


def test_the_reports_of_a_profile_need_no_torch():
    code = (
        "import sys, gisteval.report.profile, gisteval.report.figures.profile\n"
        "assert not {'torch', 'transformers', 'gisteval.profiling'} & set(sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_intervals_have_columns_of_their_own_in_csv_and_can_be_left_out() -> None:
    rows = (("a", "45.4 [39.5, 51.2]", "5"), ("b", "-1 [-inf, 2]", "3"), ("c", "-", "4"))
    table = Table("t", "T", ("way", "score", "n"), rows, best=frozenset({(0, 1)}))
    assert list(csv.reader(io.StringIO(table.csv_text()))) == [
        ["way", "score", "score low", "score high", "n"],
        ["a", "45.4", "39.5", "51.2", "5"],
        ["b", "-1", "-inf", "2", "3"],
        ["c", "-", "", "", "4"],
    ]
    bare = table.without_intervals()
    assert [row[1] for row in bare.rows] == ["45.4", "-1", "-"]
    assert "| a | **45.4 [39.5, 51.2]** | 5 |" in markdown_text(table)
    assert r"a & \textbf{45.4} & 5 \\" in latex_text(bare)


def test_no_cell_can_break_latex() -> None:
    table = Table("t", "T", ("[x", "y"), ((r"a\b {c} ~ ^ | >", "[1]"),))
    text = latex_text(table)
    assert r"a\textbackslash{}b \{c\} \~{} \^{} $|$ $>$ & {[}1] \\" in text
    assert "\n{[}x & y" in text
