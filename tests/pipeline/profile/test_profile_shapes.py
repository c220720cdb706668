"""Profiles of shapes without weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from gisteval.errors import GistevalError
from gisteval.pipeline.profile.options import ProfileOptions
from gisteval.pipeline.profile.profile_shapes import check_output, shape_profile
from gisteval.records.shape_facts import ShapeProfile


def test_prefill_and_decoding_add_up_and_each_step_is_a_pass_behind_the_last() -> None:
    found = shape_profile(ProfileOptions(shapes=("llama-7b",), input_tokens=20, output_tokens=3))
    assert isinstance(found, ShapeProfile) and found.decode is not None
    steps = [
        shape_profile(ProfileOptions(shapes=("llama-7b",), input_tokens=1, cached_tokens=cached))
        for cached in (20, 21)
    ]
    for way in ("closed_form", "fvcore", "torch"):
        whole, first, rest = (getattr(part, way) for part in (found.flops, found.prefill, found.decode))
        assert whole == first + rest
        assert rest == sum(getattr(step.flops, way) for step in steps if isinstance(step, ShapeProfile))


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
