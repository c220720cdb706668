"""Names of released files."""

from __future__ import annotations

from pathlib import Path

import pytest

from gisteval.errors import GistevalError
from gisteval.importer.layout import ReleasedSystem, output_file, verdict_file_name


def test_the_last_condition_in_a_name_counts() -> None:
    system = ReleasedSystem.parse("my-gist-model-pos_control-12")
    assert (system.family, system.condition, system.k) == ("my-gist-model", "pos_control", 12)


@pytest.mark.parametrize("name", ["LLaMA-gist", "LLaMA-other-1", "gist-1", "LLaMA-gist-1-x"])
def test_other_names_are_no_systems(name: str) -> None:
    with pytest.raises(GistevalError, match="expected <Model>-<condition>-<k>"):
        ReleasedSystem.parse(name)


def test_an_output_file_is_named_by_its_folder() -> None:
    file = output_file(Path("a/FLAN-T5-gist-5/outputs-16000-validation_unseen.csv"))
    assert (file.system.family, file.system.k, file.split, file.steps) == ("FLAN-T5", 5, "unseen", 16000)
    with pytest.raises(GistevalError, match="its folder"):
        output_file(Path("a/FLAN-T5/outputs-16000-validation_unseen.csv"))


def test_a_verdict_file_names_judge_and_both_systems() -> None:
    name = verdict_file_name(Path("chatgpt-LLaMA-gist-1-vs-LLaMA-pos_control-1-validation_human-3000.json"))
    systems = (name.system, name.reference)
    assert systems == ("LLaMA-gist-1", "LLaMA-pos_control-1")
    assert (name.judge, name.split, name.steps) == ("chatgpt", "human", 3000)
