"""`gisteval diagnose` from the outside: on a model, on a run, stopped and continued, and refused."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from gisteval.content import find_content
from gisteval.pipeline.diagnose.options import MEASURES

GIST = find_content("checkpoints") / "wordplay-llama" / "gist-1"
SMALL = ("--split", "human", "--limit", "4")


@pytest.fixture(autouse=True)
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gisteval.report.diagnosis.page.can_draw", lambda: False)


def lines(folder: Path) -> dict[str, list[str]]:
    return {
        str(file.relative_to(folder)): file.read_text(encoding="utf-8").splitlines()
        for file in sorted(folder.rglob("*.jsonl"))
    }


def test_a_model_is_diagnosed_and_goes_on(gisteval: Any, tmp_path: Path) -> None:
    arguments = ("diagnose", "--model", GIST, *SMALL, "--output", tmp_path / "d")
    first = gisteval(*arguments, "--only", "divergence,leakage,work")
    assert first.code == 0, first.err
    assert "ΔNLL@32" in first.out and str(tmp_path / "d" / "diagnostics" / "diagnosis.html") in first.out
    made = lines(tmp_path / "d")
    name = "wordplay-llama-gist-1"
    assert len(made[f"diagnostics/divergence/{name}.jsonl"]) == 8

    # The last line is torn, as a kill may leave it; another measure is asked for.
    torn = tmp_path / "d" / "diagnostics" / "divergence" / f"{name}.jsonl"
    torn.write_bytes(torn.read_bytes()[:-9])
    second = gisteval(*arguments, "--only", "divergence,training", "--json")
    assert second.code == 0, second.err
    assert {name: sorted(found) for name, found in lines(tmp_path / "d").items()} == {
        name: sorted(found) for name, found in made.items()
    }
    content = json.loads(second.out)
    assert content["measures"] == ["divergence", "leakage", "work", "training"]
    assert {row["measure"] for row in content["rows"]} >= {"divergence", "leakage", "work", "training"}

    third = gisteval(*arguments, "--only", "divergence")
    assert not any("loading" in line for line in third.progress)
    page = (tmp_path / "d" / "diagnostics" / "diagnosis.html").read_text(encoding="utf-8")
    assert "What is lost?" in page and "<script" not in page


def test_a_killed_ablation_goes_on_and_ends_as_a_whole_one(gisteval: Any, tmp_path: Path) -> None:
    """Killed where it stands, with some settings done and one half-written."""
    arguments = ("diagnose", "--model", GIST, *SMALL, "--only", "strictness", "--output")
    whole = gisteval(*arguments, tmp_path / "whole")
    assert whole.code == 0, whole.err
    words = [sys.executable, "-m", "gisteval", *map(str, arguments), str(tmp_path / "killed")]
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    written = tmp_path / "killed" / "diagnostics" / "strictness" / "wordplay-llama-gist-1.jsonl"
    while process.poll() is None and not (written.exists() and written.stat().st_size > 0):
        time.sleep(0.002)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    made = written.read_bytes()
    assert (
        0
        < made.count(b"\n")
        < len(lines(tmp_path / "whole")[str(written.relative_to(tmp_path / "killed"))])
    )
    assert gisteval(*arguments, tmp_path / "killed").code == 0
    assert written.read_bytes().startswith(made[: made.rfind(b"\n") + 1])
    found, expected = (sorted(lines(tmp_path / name).popitem()[1]) for name in ("killed", "whole"))
    assert found == expected


def test_a_run_diagnoses_what_it_evaluated_on_its_smallest_split(gisteval: Any, tmp_path: Path) -> None:
    run = tmp_path / "run"
    arguments = ("--model", GIST, "--split", "human,seen", "--limit", "3", "--judge", "none")
    made = gisteval("run", *arguments, "--output", run, "--diagnose")
    assert made.code == 0, made.err
    content = json.loads((run / "diagnostics" / "diagnosis.json").read_text(encoding="utf-8"))
    assert content["measures"] == [name for name in MEASURES if name != "drift"]
    assert {row["split"] for row in content["rows"]} == {"human", "train"}
    (note,) = [note for note in content["notes"] if "--split" in note]
    assert note.startswith(
        "Diagnosed on human alone, which has the fewest examples (3 examples) of human, seen"
    )
    assert "diagnostics/diagnosis.html" in (run / "report" / "report.html").read_text(encoding="utf-8")
    other = gisteval("diagnose", run, "--only", "work", "--split", "seen", "--json")
    assert other.code == 0, other.err
    found = json.loads(other.out)
    assert {row["split"] for row in found["rows"]} == {"seen"} and found["measures"] == ["work"]
    assert not any("--split" in note for note in found["notes"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give the folder of a finished run, or --model"),
        (("--model", GIST, "--only", "drift"), "drift needs a second model: give --reader"),
        (("--model", GIST, "--only", "divergense"), "did you mean 'divergence'?"),
        (("runs/x", "--limit", "3"), "leave --limit out beside a run"),
        (("runs/none",), "holds no run"),
        (("--model", GIST, "--split", "humann"), "did you mean 'human'?"),
    ],
)
def test_what_makes_no_sense_is_refused(refused: Any, arguments: tuple[object, ...], message: str) -> None:
    assert message in refused("diagnose", *arguments)
