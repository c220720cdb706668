"""Controls that are not there: trained ones are looked for, untrained ones are said to be so."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest


@pytest.fixture
def alone(tiny_suite, tmp_path: Path) -> Path:
    """A gist checkpoint with nothing beside it."""
    shutil.copytree(tiny_suite / "gist-1", tmp_path / "alone" / "gist-1")
    return tmp_path / "alone" / "gist-1"


@pytest.fixture
def plain(alone: Path) -> Path:
    """A model that knows neither <GIST> nor gist.json."""
    (alone / "gist.json").unlink()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        text = (alone / name).read_text()
        (alone / name).write_text(text.replace("<GIST>", "<other>"))
    return alone


@pytest.fixture
def evaluate(gisteval, tiny_task, tmp_path: Path, results):
    """Runs a model on 4 examples: (its rows by system, stderr, report.md)."""

    def run(model: Path, *arguments: object):
        folder = tmp_path / "run"
        common = ("--task", tiny_task, "--limit", 4, "--output", folder)
        outcome = gisteval("run", "--model", model, *common, *arguments)
        assert outcome.code == 0, outcome.err
        rows = {}
        for row in results(folder)["rows"]:
            rows.setdefault(row["system"], {})[row["metric"]] = row
        return rows, outcome.err, (folder / "report" / "report.md").read_text()

    return run


def test_a_lone_checkpoint_is_its_own_untrained_control(alone: Path, evaluate) -> None:
    rows, err, report = evaluate(alone)
    controls = {system: metrics["nll"]["control"] for system, metrics in rows.items()}
    assert controls == {
        "tiny-gist-1-pos_control-untrained": "untrained",
        "tiny-gist-1": None,
        "tiny-gist-1-neg_control-untrained": "untrained",
    }
    assert rows["tiny-gist-1"]["nll"]["reference"] == "tiny-gist-1-pos_control-untrained"
    for condition in ("pos_control", "neg_control"):
        note = f"{condition} is untrained: tiny-gist-1's own weights"
        assert f"note: {note}" in err
        assert note in report
        assert f"--{condition.replace('_', '-')}" in err


def test_named_controls_are_used(alone: Path, tiny_suite, evaluate) -> None:
    controls = ("--pos-control", tiny_suite / "pos_control", "--neg_control", tiny_suite / "neg_control")
    rows, err, report = evaluate(alone, *controls)
    assert {system: metrics["nll"]["control"] for system, metrics in rows.items()} == {
        "tiny-pos_control-1": "trained",
        "tiny-gist-1": None,
        "tiny-neg_control-1": "trained",
    }
    assert rows["tiny-gist-1"]["nll"]["reference"] == "tiny-pos_control-1"
    assert "untrained:" not in err + report


def test_one_named_control_leaves_the_other_untrained(alone: Path, tiny_suite, evaluate) -> None:
    rows, err, _ = evaluate(alone, "--pos-control", tiny_suite / "pos_control")
    assert rows["tiny-pos_control-1"]["nll"]["control"] == "trained"
    assert rows["tiny-gist-1-neg_control-untrained"]["nll"]["control"] == "untrained"
    assert "neg_control is untrained" in err
    assert "pos_control is untrained" not in err


def test_a_broken_folder_beside_a_checkpoint_is_no_matter(alone: Path, tiny_suite, evaluate) -> None:
    other = alone.parent / "other"
    shutil.copytree(tiny_suite / "gist-3", other)
    (other / "model.safetensors").write_bytes(b"torn")
    rows, _, _ = evaluate(alone)
    assert "tiny-gist-1" in rows


def test_a_plain_model_has_untrained_controls_only(plain: Path, evaluate) -> None:
    rows, err, report = evaluate(plain)
    assert {system: metrics["nll"]["control"] for system, metrics in rows.items()} == {
        "gist-1-pos_control-untrained": "untrained",
        "gist-1-neg_control-untrained": "untrained",
    }
    assert {metrics["nll"]["k"] for metrics in rows.values()} == {0}
    assert "pos_control is untrained" in err
    assert "neg_control is untrained" in report


def test_a_plain_model_can_be_truncated(plain: Path, evaluate) -> None:
    rows, _, _ = evaluate(plain, "--compressor", "truncate", "--budget", 3)
    assert list(rows) == [
        "gist-1-pos_control-untrained",
        "gist-1-truncate-3",
        "gist-1-neg_control-untrained",
    ]
    truncated = rows["gist-1-truncate-3"]
    assert truncated["kept_instruction"]["value"] == (1 + 3 + 3 + 3) / 4  # the first says "say"
    assert truncated["nll"]["compressor"] == "truncate"
    assert truncated["nll"]["condition"] is None


def test_flags_describe_a_folder_without_a_record(alone: Path, evaluate) -> None:
    (alone / "gist.json").unlink()
    rows, _, _ = evaluate(alone, "--condition", "gist", "--k", 2)
    assert list(rows)[1] == "gist-1-gist-2"
    row = rows["gist-1-gist-2"]["kept"]
    assert (row["condition"], row["k"], row["value"]) == ("gist", 2, 2.0)


@pytest.mark.parametrize("recorded", [True, False], ids=["trained here", "imported"])
def test_another_k_than_the_trained_one_is_a_warning(alone: Path, evaluate, recorded: bool) -> None:
    if not recorded:
        record = json.loads((alone / "gist.json").read_text())
        (alone / "gist.json").write_text(json.dumps({**record, "training": {}}))
    rows, err, report = evaluate(alone, "--k", 2)
    (candidate,) = (metrics for metrics in rows.values() if metrics["nll"]["control"] is None)
    assert candidate["kept"]["value"] == 2.0
    for text in (err, report):
        assert "gist-1" in text and "gist-2" in text and "trained as" in text


def test_a_named_control_may_be_a_plain_model(alone: Path, tiny_suite, tmp_path: Path, evaluate) -> None:
    base = tmp_path / "base"
    shutil.copytree(tiny_suite / "pos_control", base)
    (base / "gist.json").unlink()
    rows, _, _ = evaluate(alone, "--pos-control", base)
    assert next(iter(rows)) == "base-pos_control-0"
