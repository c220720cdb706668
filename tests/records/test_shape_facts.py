"""profile.json: read as what it was written from, or refused in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gisteval.errors import GistevalError
from gisteval.pipeline.profile.options import ProfileOptions
from gisteval.pipeline.profile.profile_shapes import shape_profile
from gisteval.records.shape_facts import ReleasedProfile, ReleasedSaving, ReleasedWay, read_profile


def test_a_sweep_is_read_as_it_was_written(tmp_path: Path) -> None:
    options = ProfileOptions(
        shapes=("llama-7b",), what_if=True, prompt_tokens=(26, 100), gist_tokens=(1,), batch_sizes=(1,)
    )
    sweep = shape_profile(options)
    file = tmp_path / "profile.json"
    file.write_text(json.dumps(sweep.to_json()))
    assert read_profile(file) == sweep
    first = json.loads(file.read_text())["rows"][0]
    assert "prompts_that_fit" in first["ways"][0] and "system" not in first["break_even"][0]
    assert read_profile(tmp_path / "none.json") is None


def test_released_files_of_an_older_version_have_no_p_values(tmp_path: Path) -> None:
    saved = ReleasedSaving(baseline="no cache", unit="seconds", value=6.8, low=5.5, high=8.1)
    way = ReleasedWay(
        model="llama-7b", way="gist-1", rows=252, milliseconds=None, flops=1e9, cached_slots=1.0,
        stored_bytes=None, saved=(saved,),
    )  # fmt: skip
    content = ReleasedProfile(files=(), ways=(way,)).to_json()
    del content["ways"][0]["saved"][0]["p_value"]  # type: ignore[index]
    (tmp_path / "profile.json").write_text(json.dumps(content))
    assert read_profile(tmp_path / "profile.json") == ReleasedProfile(files=(), ways=(way,))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ([], "is damaged (the profile is [], not a mapping)"),
        ({}, "is damaged (kind is missing)"),
        ({"kind": "x"}, "is damaged (kind is 'x', not one of model, what_if, shape, released)"),
        ({"kind": "model", "schema_version": 1}, "is of another version of gisteval"),
        ({"kind": "model", "schema_version": 2}, "is damaged (model is missing)"),
        ({"kind": "released", "files": [], "ways": [3]}, "is damaged (ways[0] is 3, not a mapping)"),
    ],
)
def test_a_damaged_profile_is_one_line(tmp_path: Path, content: object, says: str) -> None:
    (tmp_path / "profile.json").write_text(json.dumps(content))
    with pytest.raises(GistevalError) as refused:
        read_profile(tmp_path / "profile.json")
    assert says in str(refused.value) and "profile again" in str(refused.value)
