"""Profiles of shapes without weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gisteval.errors import GistevalError
from gisteval.pipeline.profile.options import ProfileOptions
from gisteval.pipeline.profile.profile_shapes import check_output, shape_profile


@pytest.mark.parametrize(
    ("shape", "tokens", "cached", "expected"),
    [("llama-7b", "58", "0", 768285567292), ("flan-t5-xxl", "27", "1", 306648110641)],
)
def test_a_shape_prints_three_counts(gisteval, shape: str, tokens: str, cached: str, expected: int) -> None:
    arguments = ("profile", "--shape", shape, "--input-tokens", tokens, "--cached-tokens", cached, "--json")
    found = json.loads(gisteval(*arguments).out)
    assert found["flops"]["closed_form"] == expected
    for tool in ("fvcore", "torch"):
        assert abs(found["flops"][tool] - expected) < 0.0005 * expected
        assert found["flops"][tool] == found["prefill"][tool] + (found["decode"] or {tool: 0})[tool]
    assert "aten::mul" in found["unsupported_ops"]


def test_one_pass_is_of_one_shape_with_a_length() -> None:
    for options in (
        ProfileOptions(shapes=("llama-7b", "flan-t5-xxl"), input_tokens=3),
        ProfileOptions(shapes=("llama-7b",)),
    ):
        with pytest.raises(GistevalError, match=r"^give one --shape with --input-tokens, or several with"):
            shape_profile(options)


def test_a_folder_that_can_not_be_made_is_named_before_anything_is_measured(tmp_path: Path) -> None:
    check_output(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").write_text("")
    with pytest.raises(GistevalError, match=r"file/x can't be written \(.+\): choose another --output$"):
        check_output(tmp_path / "file" / "x")
