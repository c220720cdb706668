"""`gisteval diagnose` from the outside: on a model, on a run, stopped and continued, and refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gisteval.content import find_content

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
    assert "Is it like the full prompt?" in page and "<script" not in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give the folder of a finished run, or --model"),
        (("--model", GIST, "--only", "drift"), "drift needs a second model: give --reader"),
        (("--model", GIST, "--only", "divergense"), "did you mean 'divergence'?"),
        (("runs/x", "--limit", "3"), "leave --limit out beside a run"),
        (("runs/none",), "holds no run"),
    ],
)
def test_what_makes_no_sense_is_refused(refused: Any, arguments: tuple[object, ...], message: str) -> None:
    assert message in refused("diagnose", *arguments)
