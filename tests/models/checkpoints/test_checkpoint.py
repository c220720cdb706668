"""What a folder says of a checkpoint, and what flags say in its place."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from gisteval.errors import GistevalError
from gisteval.models.checkpoints.checkpoint import GistRecord, inspect_checkpoint, read_record
from gisteval.models.checkpoints.loading import load_model, save_checkpoint
from gisteval.prompts import Template
from gisteval.segmentation import Segmentation

CPU = torch.device("cpu")
RECORD = GistRecord(
    "tiny", "gist", 2, Template(output="\nAnswer:"), "some/base", 3, {"recipe": {"k": 2, "steps": 7}}
)


def test_digests_follow_weights_and_tokenizer(tmp_path, tiny_network, tiny_tokenizer):
    for folder, seed in (("one", 0), ("same", 0), ("other", 1)):
        save_checkpoint(tmp_path / folder, tiny_network("llama", seed=seed), tiny_tokenizer, RECORD)
    one, same, other = (inspect_checkpoint(tmp_path / name) for name in ("one", "same", "other"))
    assert one.weights_digest() == same.weights_digest() != other.weights_digest()
    assert one.tokenizer_digest() == other.tokenizer_digest()
    (other.path / "tokenizer_config.json").write_text("{}")
    assert one.tokenizer_digest() != other.tokenizer_digest()


def test_flags_describe_a_folder_without_gist_json(tmp_path, tiny_network, tiny_tokenizer):
    save_checkpoint(tmp_path / "plain", tiny_network("llama"), tiny_tokenizer, RECORD)
    (tmp_path / "plain" / "gist.json").unlink()
    plain = inspect_checkpoint(tmp_path / "plain").record
    assert (plain.name, plain.condition, plain.k, plain.template) == ("plain", None, 0, Template())
    gist = inspect_checkpoint(tmp_path / "plain", k=4).record
    assert (gist.name, gist.condition, gist.k) == ("plain-gist-4", "gist", 4)
    positive = inspect_checkpoint(tmp_path / "plain", condition="pos_control").record
    assert (positive.condition, positive.k) == ("pos_control", 0)
    assert load_model(inspect_checkpoint(tmp_path / "plain", k=4), CPU, torch.float32).tokens.k == 4


def test_flags_win_over_gist_json(tmp_path, tiny_network, tiny_tokenizer):
    save_checkpoint(tmp_path, tiny_network("llama"), tiny_tokenizer, RECORD)
    record = inspect_checkpoint(tmp_path, "pos_control", 5).record
    assert (record.condition, record.k, record.template) == ("pos_control", 5, RECORD.template)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({}, "tiny-gist-2"),
        ({"condition": None}, "tiny"),
        ({"segments": Segmentation("8", "last", "original")}, "tiny-gist-2-every-8-last"),
        ({"training": {"recipe": {"condition": "pos_control", "k": 1}}}, "tiny-pos_control-1-as-gist-2"),
        ({"training": {"recipe": {"condition": "gist", "k": 2}}}, "tiny-gist-2"),
    ],
)
def test_a_name_says_how_a_checkpoint_is_read_and_was_trained(change, name) -> None:
    assert replace(RECORD, **change).name == name


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 2}, "format 2 is unknown (expected 1)"),
        ({"condition": "gits"}, "condition must be one of"),
        ({"k": -1}, "a field is missing or malformed (k"),
        ({"family": "../out"}, "a field is missing or malformed"),
        ({"template": {"instruction": "no field"}}, "a field is missing or malformed"),
    ],
)
def test_a_record_is_read_back_and_a_damaged_one_is_one_line(tmp_path, change, said) -> None:
    file = tmp_path / "gist.json"
    file.write_text(json.dumps(RECORD.to_json()))
    assert read_record(tmp_path, None, None) == RECORD
    file.write_text(json.dumps({**RECORD.to_json(), **change}))
    with pytest.raises(GistevalError) as error:
        read_record(tmp_path, None, None)
    assert said in str(error.value) and "\n" not in str(error.value)
