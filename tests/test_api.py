"""`import gisteval; gisteval.run(...)`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import gisteval
from gisteval.errors import GistevalError


def test_results_are_a_table(tiny_suite: Path, tiny_task: Path, tmp_path: Path, capsys) -> None:
    import pandas as pd

    run = gisteval.run(model=tiny_suite, split="test", task=tiny_task, output=tmp_path / "run", limit=3)
    assert isinstance(run.results, pd.DataFrame)
    rows = json.loads((tmp_path / "run" / "results.json").read_text())["rows"]
    assert list(run.results.columns) == list(rows[0])
    assert run.results["value"].tolist() == [row["value"] for row in rows]
    assert run.results["system"].tolist() == [row["system"] for row in rows]
    assert run.folder == tmp_path / "run"
    assert gisteval.open(tmp_path / "run") == run
    assert json.loads((run.folder / "manifest.json").read_text())["command"] == ["gisteval.run"]
    note, doubt = run.notes
    assert note.startswith("The reference judge")
    # There are 3 examples.
    assert doubt.startswith("Judge reference: there are too few comparisons to tell it from guessing")
    assert capsys.readouterr().out == ""


def test_several_models_and_a_compressor(tiny_suite: Path, tiny_task: Path, tmp_path: Path) -> None:
    run = gisteval.run(
        model=[tiny_suite / "gist-1", str(tiny_suite / "gist-3")],
        split=["test"],
        task=str(tiny_task),
        compressor="gist,truncate",
        budget=4,
        batch_size=2,
        limit=3,
        output=str(tmp_path / "run"),
    )
    # The controls are shared, and every system stands there once.
    assert list(dict.fromkeys(run.results["system"])) == [
        "tiny-pos_control-1",
        "tiny-gist-1",
        "tiny-pos_control-1-truncate-4",
        "tiny-neg_control-1",
        "tiny-gist-3",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "nowhere"}, "model nowhere does not exist"),
        ({"modle": "nowhere"}, "unknown field 'modle' .did you mean 'models'"),
        ({"limit": "3"}, "field 'limit' must be a whole number"),
        ({"split": "tset"}, "has no split 'tset'"),
    ],
)
def test_what_a_caller_can_mend_is_an_expected_error(
    tiny_suite: Path, tiny_task: Path, options: dict[str, object], message: str
) -> None:
    with pytest.raises(GistevalError, match=message):
        gisteval.run(**{"model": tiny_suite, "task": tiny_task, **options})
