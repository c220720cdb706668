"""Whole runs of encoder-decoder suites: the same command, records and checks as for decoder-only ones."""

from __future__ import annotations

import json
import shutil

import pytest


@pytest.fixture(scope="module")
def finished(t5_suite, tiny_task, tmp_path_factory):
    import gisteval

    folder = tmp_path_factory.mktemp("runs") / "t5"
    gisteval.run(model=t5_suite, task=tiny_task, output=folder, batch_size=7)
    return folder


def records(folder) -> dict[tuple[str, str], dict]:
    lines = [
        json.loads(line)
        for file in sorted((folder / "generations").glob("*.jsonl"))
        for line in file.read_text().splitlines()
    ]
    return {(line["system"], line["example"]): line for line in lines}


def test_every_system_is_checked_and_answers_every_example(finished):
    systems = ["tiny-gist-1", "tiny-gist-3", "tiny-neg_control-1", "tiny-pos_control-1"]
    checks = json.loads((finished / "manifest.json").read_text())["self_check"]
    assert sorted(checks) == systems
    assert all(check["max_nll_difference"] < 1e-4 for check in checks.values())
    assert not any(check["greedy_mismatches"] for check in checks.values())
    found = records(finished)
    assert len(found) == 4 * 24
    kept = {name: {line["kept"] for line in found.values() if line["system"] == name} for name in systems}
    assert (kept["tiny-gist-1"], kept["tiny-gist-3"], kept["tiny-neg_control-1"]) == ({1}, {3}, {0})
    assert min(kept["tiny-pos_control-1"]) > 3


def test_records_do_not_depend_on_the_batch_size(finished, t5_suite, tiny_task, tmp_path):
    import gisteval

    gisteval.run(model=t5_suite, task=tiny_task, output=tmp_path / "run", batch_size=1)
    one, seven = records(tmp_path / "run"), records(finished)
    assert one.keys() == seven.keys()
    for name, line in one.items():
        other = seven[name]
        assert line.pop("nll") == pytest.approx(other.pop("nll"), abs=1e-4)
        assert line == other


def test_one_checkpoint_is_its_own_untrained_control(t5_suite, tiny_task, tmp_path):
    """Without a positive and negative control beside it; truncation keeps tokens, not states."""
    import gisteval

    shutil.copytree(t5_suite / "gist-1", tmp_path / "alone" / "gist-1")
    run = gisteval.run(
        model=tmp_path / "alone" / "gist-1",
        task=tiny_task,
        compressor=["gist", "truncate"],
        limit=4,
        output=tmp_path / "run",
    )
    assert {(row.compressor, row.control) for row in run.rows} == {
        ("full", "untrained"),
        ("gist", None),
        ("truncate", None),
        ("empty", "untrained"),
    }


def test_compress_shows_slots_and_bytes(gisteval, t5_suite):
    outcome = gisteval("compress", "--model", t5_suite / "gist-3", "--prompt", "say yes", "--json")
    row = json.loads(outcome.out)
    # 3 slots of 3 layers' keys and values (4 heads of 8) and a final state of 32, in float32.
    assert (row["kept"], row["bytes"]) == (3, 3 * 4 * (3 * 2 * 32 + 32))
