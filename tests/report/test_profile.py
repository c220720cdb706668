"""Tables, pages and figures from plain content, without torch."""

from __future__ import annotations

import csv
import io
import subprocess
import sys

import pytest

from gisteval.records.profile_facts import ModelProfile
from gisteval.report.layout import Table, engineering, latex_text, markdown_text, plain_text, size_text
from gisteval.report.profile import profile_text, write_profile_report
from gisteval.report.profile_tables import tables

MEDIAN = {"median": 0.002, "low": 0.0018, "high": 0.0023, "n": 9, "confidence": 0.96}
WAYS = ("no cache", "whole-prompt cache", "gist-1", "negative control")


def system(name: str) -> dict:
    kept = name in ("whole-prompt cache", "gist-1")
    return {
        "name": name, "kind": "x", "k": 1, "run_tokens": 30.0, "cached_slots": 1.0, "stored_bytes": 512.0,
        "seconds": {
            "compress": MEDIAN if kept else None, "prefill": MEDIAN, "decode_token": MEDIAN,
            "end_to_end": {**MEDIAN, "median": 0.004, "low": 0.003, "high": 0.005},
        },
        "flops": {"compress": 1e9 * kept, "prefill": 2e9, "decode": 3e8, "each": 2.3e9},
        "peak_memory": {"bytes": 5 * 10**8, "method": "x"} if kept else None,
        "attained": [
            {"phase": phase, "flops_per_second": 1e10, "bytes_per_second": 1e9, "intensity": at,
             "bound": "memory", "share": 0.5}
            for phase, at in (("prefill", 30.0), ("decode", 0.6))
        ],
    }  # fmt: skip


@pytest.fixture
def content() -> dict:
    """A small profile.json of a model, as plain values."""
    curve = [{"name": name, "uses": [1, 10], "totals": [5.0, 5.0 + i]} for i, name in enumerate(WAYS)]
    saving = {
        "system": "gist-1",
        "baseline": "no cache",
        "phase": "end_to_end",
        "percent": 12.5,
        "percent_interval": [10.0, 15.0],
        "p_value": 0.004,
        **MEDIAN,
    }
    even = {"system": "gist-1", "unit": "seconds", "baseline": "no cache", "saved_each": 1.0}
    other = ("flops_once", "seconds_once", "seconds_each", "batch_bytes", "stored_bytes")
    ways = [
        {"name": name, "flops_each": 1e12 * (i + 1), **dict.fromkeys(other, 0.0)}
        for i, name in enumerate(WAYS)
    ]
    scenario = {"shape": "s", "k": 1, "batch": 1, "ways": ways, "break_even": []}
    totals = {"1000": 5e5, "1000000": 5e8, "1000000000": 5e11}
    return {
        "schema_version": 2, "kind": "model", "model": "ckpt", "time_budget": 30.0, "versions": {},
        "parameters": 10**6, "closed_form_note": None, "source": "task/human",
        "examples": 4, "output_tokens": 3,
        "device": "cpu", "dtype": "float32", "threads": 1, "clock": "perf_counter", "weights": "x-gist-1",
        "notes": ["a note"],
        "machine": {"device": "cpu", "dtype": "float32", "threads": 1, "flops_per_second": 5e10,
                    "matrix_size": 1024, "bytes_per_second": 1e10, "copy_bytes": 10**8},
        "batches": [{
            "batch_size": 1, "rounds": 9, "stopped": "narrow", "left_out": [], "examples": 4,
            "systems": [system(name) for name in WAYS],
            "savings": [saving, {**saving, "low": -1.0}, {**saving, "low": -2.0, "high": -1.0}],
            "break_even": [{**even, "reuses": 4, "net": None, "hit_rate": 0.75, "interval": [2, None]}],
            "curves": {"flops": curve, "seconds": curve},
        }],
        "storage": [{"name": "gist-1", "bytes_per_prompt": 512.0, "totals": totals, "budget": 80 * 10**9,
                     "fits": 156_250_000, "remake_seconds": 0.002, "load_bandwidth": 256_000.0}],
        "by_prompt_length": [{**scenario, "prompt_tokens": p} for p in (10, 100)],
    }  # fmt: skip


def test_a_model_profile_is_written_whole(content, tmp_path):
    page = write_profile_report(ModelProfile.from_json(content), tmp_path).read_text()
    assert "> **Note.** a note" in page
    for name in ("break_even-batch-1", "latency_breakdown-batch-1", "roofline", "cost_by_prompt_length"):
        assert f"figures/{name}.png" in page
        assert (tmp_path / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (tmp_path / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    names = {file.name for file in (tmp_path / "tables").iterdir()}
    assert {"profile-time-batch-1.csv", "profile-time-batch-1.tex", "profile-storage.csv"} <= names


def test_the_tables_say_what_was_not_shown(content):
    profile = ModelProfile.from_json(content)
    found = {table.name: table for table in tables(profile)}
    assert [row[-1] for row in found["savings-batch-1"].rows] == ["yes", "not shown", "slower"]
    assert found["break-even-batch-1"].rows[0][3:] == ("from about 4 uses", "2 to never", "never", "75.0%")
    assert [row[0] for row in found["time-batch-1"].rows] == list(WAYS)
    assert found["storage"].rows[0][-3:] == ("156,250,000", "2.000", "256 kB/s")
    assert "2.000 [1.800, 2.300]" in profile_text(profile)


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
    assert "roofline" not in page and (tmp_path / "figures" / "break_even-batch-1.png").is_file()


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
