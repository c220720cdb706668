"""`ls` and `validate`: what is there, and whether it is sound."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from gisteval.compressors.spec import settings_of
from gisteval.registry import COMPRESSORS, WRAPPERS


def test_ls_lists_tasks_and_compressors(gisteval) -> None:
    outcome = gisteval("ls", "tasks")
    assert outcome.code == 0 and outcome.err == ""
    assert "wordplay" in outcome.out and "[seen, unseen, human]" in outcome.out
    rows = json.loads(gisteval("ls", "compressors", "--json").out)
    assert [row["name"] for row in rows] == [
        *COMPRESSORS.names(),
        *(f"+{name}" for name in WRAPPERS.names()),
    ]
    assert all(row["description"] for row in rows)


def test_ls_says_what_a_compressor_reads_needs_and_takes(gisteval) -> None:
    rows = {row["name"]: row for row in json.loads(gisteval("ls", "compressors", "--json").out)}
    assert {name: rows[name]["reads"] for name in ("gist", "full", "truncate", "knorm")} == {
        **{"gist": "own", "full": "own", "truncate": "full", "knorm": "full"}
    }
    assert rows["gist"]["needs"] == ["gist tokens"]
    assert rows["knorm"]["needs"] == ["a decoder-only model"]
    assert rows["+int4"]["needs"] == ["a compressor before it", "a decoder-only model"]
    assert "2406.11430" in rows["knorm"]["source"]
    assert rows["random"]["settings"] == settings_of("random")
    printed = " ".join(gisteval("ls", "compressors").out.split())
    assert "reads the positive control's weights; needs a decoder-only model; takes a budget" in printed
    assert "arXiv 2304.08467" in printed


def test_ls_lists_checkpoints(tiny_suite, tmp_path: Path, gisteval, monkeypatch) -> None:
    shutil.copytree(tiny_suite, tmp_path / "tiny")
    monkeypatch.setattr("gisteval.pipeline.listing.find_content", lambda kind: tmp_path)
    rows = json.loads(gisteval("ls", "checkpoints", "--json").out)
    assert [row["name"] for row in rows] == [
        f"tiny/{name}" for name in ("gist-1", "gist-3", "neg_control", "pos_control")
    ]
    assert rows[1]["description"] == "gist, k = 3, 0 steps"


def test_an_unknown_kind_is_named(refused) -> None:
    line = refused("ls", "judge")
    known = "tasks, judges, compressors, metrics, checkpoints"
    assert f"nothing to list under 'judge': choose from {known}" in line


def test_everything_bundled_is_sound(gisteval) -> None:
    outcome = gisteval("validate")
    assert outcome.code == 0, outcome.err
    assert "ok  task wordplay (start, train, seen, unseen, human)" in outcome.out
    assert "ok  report template run.md.j2" in outcome.out
    assert "ok  report template page.html.j2" in outcome.out
    assert "ok  compressor gist" in outcome.out


def test_validate_takes_tasks_checkpoints_and_suites(tiny_suite, tiny_task, gisteval) -> None:
    assert json.loads(gisteval("validate", tiny_task, "--with-data", "--json").out) == ["task tiny (test)"]
    assert gisteval("validate", tiny_task / "task.yaml").out == "ok  task tiny (test)\n"
    assert gisteval("validate", tiny_suite / "gist-1").out == "ok  checkpoint tiny-gist-1\n"
    assert gisteval("validate", tiny_suite).out.count("ok  checkpoint tiny-") == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("max_new_tokens: 6", "max_new_tokens: six"), "max_new_tokens: Input should be a valid integer"),
        (("test.jsonl", "absent.jsonl"), "split test: file absent.jsonl does not exist"),
        (("{file: test.jsonl}", "{generator: 'os:system'}"), "generator 'os:system' is not installed"),
        (("license:", "licence:"), "license: Field required"),
    ],
)
def test_a_broken_task_is_one_line(tiny_task, tmp_path: Path, refused, change, message: str) -> None:
    shutil.copytree(tiny_task, tmp_path / "task")
    file = tmp_path / "task" / "task.yaml"
    file.write_text(file.read_text().replace(*change))
    for path in (file, file.parent, tmp_path):
        assert message in refused("validate", path)


def test_bad_items_are_found_with_the_data(tiny_task, tmp_path: Path, gisteval, refused) -> None:
    shutil.copytree(tiny_task, tmp_path / "task")
    with (tmp_path / "task" / "test.jsonl").open("a") as stream:
        stream.write('{"instruction": "x", "output": "y"}\n')
    assert gisteval("validate", tmp_path).code == 0
    assert "tiny/test, item 25: no field 'input'" in refused("validate", tmp_path, "--with-data")


def test_a_place_with_nothing_is_named(tmp_path: Path, refused) -> None:
    for path in (tmp_path, tmp_path / "absent"):
        assert f"{path} holds no checkpoint, no task.yaml and no judge.yaml" in refused("validate", path)


def test_a_broken_report_template_is_named(tmp_path: Path, refused, monkeypatch) -> None:
    (tmp_path / "run.md.j2").write_text("fine\n{% for %}\n")
    monkeypatch.setattr("gisteval.pipeline.listing.find_content", lambda kind: tmp_path)
    assert "run.md.j2, line 2: " in refused("validate")
