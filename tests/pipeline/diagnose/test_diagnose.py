"""A diagnosis of a run is of what the run evaluated, and lies in its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gisteval.content import find_content
from gisteval.errors import GistevalError
from gisteval.pipeline.diagnose.diagnose import diagnose
from gisteval.pipeline.diagnose.options import DiagnoseOptions
from gisteval.records.diagnosis import read_diagnosis

GIST = find_content("checkpoints") / "wordplay-llama" / "gist-1"


@pytest.fixture(autouse=True)
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gisteval.report.diagnosis.page.can_draw", lambda: False)


def test_a_run_is_diagnosed_in_its_folder(gisteval: Any, refused: Any, tmp_path: Path) -> None:
    run = tmp_path / "run"
    made = gisteval(
        "run", "--model", GIST, "--split", "human", "--limit", "8", "--judge", "none", "--output", run
    )
    assert made.code == 0, made.err
    before = (run / "results.json").read_bytes()
    assert gisteval("diagnose", run, "--only", "states").code == 0
    assert (run / "results.json").read_bytes() == before
    found = read_diagnosis(run)
    assert found is not None and {row.measure for row in found.rows} == {"states"}
    assert "diagnostics/diagnosis.html" in (run / "report" / "report.html").read_text(encoding="utf-8")

    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    manifest["identity"]["systems"]["wordplay-llama-gist-1"] = "another"
    (run / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert "gist-1 changed since the run was made" in refused("diagnose", run, "--only", "states")


def test_a_run_of_outputs_made_elsewhere_has_no_model_to_look_at(make_run) -> None:
    folder = make_run({"pos": ["ref 0"], "gist-1": ["no"]})
    with pytest.raises(GistevalError, match="outputs made elsewhere: diagnose the model, with --model"):
        diagnose(DiagnoseOptions(run=folder))
    assert not (folder / "diagnostics").exists()
