"""The architecture of a checkpoint, decided from its configuration before anything is loaded."""

from __future__ import annotations

import json

import pytest

from gisteval.errors import GistevalError
from gisteval.models.checkpoints.checkpoint import GistRecord, inspect_checkpoint
from gisteval.models.checkpoints.loading import ADAPTERS, save_checkpoint
from gisteval.models.checkpoints.stock import AUTO_CLASSES
from gisteval.models.running.architecture import DECODER, ENCODER_DECODER, architecture_of
from gisteval.prompts import Template


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"model_type": "llama"}, DECODER),
        ({"model_type": "gpt2", "is_encoder_decoder": False}, DECODER),
        ({"model_type": "t5", "is_encoder_decoder": True}, ENCODER_DECODER),
        ({"model_type": "t5"}, ENCODER_DECODER),
        ({"model_type": "umt5"}, ENCODER_DECODER),
        ({}, DECODER),
    ],
)
def test_architecture_by_configuration(config, expected):
    assert architecture_of(config, "here") == expected
    assert {DECODER, ENCODER_DECODER} == set(ADAPTERS) == set(AUTO_CLASSES)


def test_templates_are_those_of_the_paper():
    assert DECODER.template == Template()
    text = ENCODER_DECODER.template
    assert text.prompt("do") + text.continuation("a cat") == "Instruction: do\n\nInput: a cat"
    assert (text.continuation(""), text.answer("un chat")) == ("", "un chat")


def test_bart_is_refused_before_anything_is_loaded(tmp_path, tiny_network, tiny_tokenizer):
    save_checkpoint(tmp_path, tiny_network("t5"), tiny_tokenizer, GistRecord("tiny", "gist", 1))
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "model_type": "bart"}))
    with pytest.raises(GistevalError, match="encoder-decoder models of type bart are not supported"):
        inspect_checkpoint(tmp_path)


def test_a_folder_without_gist_json_gets_the_template_of_its_architecture(
    tmp_path, tiny_network, tiny_tokenizer
):
    for name, architecture in (("llama", DECODER), ("t5", ENCODER_DECODER)):
        save_checkpoint(tmp_path / name, tiny_network(name), tiny_tokenizer, GistRecord("tiny", "gist", 1))
        (tmp_path / name / "gist.json").unlink()
        found = inspect_checkpoint(tmp_path / name, k=2)
        assert (found.architecture, found.record.template) == (architecture, architecture.template)
