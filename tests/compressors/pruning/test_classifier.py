"""A token classifier in a local folder: what is refused before it is loaded, and what identifies it."""

from __future__ import annotations

import json

import pytest
import torch
from tiny_classifier import save_classifier

from gisteval.compressors.pruning.classifier import load_classifier
from gisteval.compressors.spec import build_compressor
from gisteval.errors import GistevalError


def test_a_folder_without_a_classifier_is_refused_before_loading(tmp_path, tiny_model):
    def refused(name: object, message: str):
        with pytest.raises(GistevalError, match=message):
            build_compressor(f"llmlingua2:model={name}").check_architecture("decoder-only", "")

    with pytest.raises(GistevalError, match="write llmlingua2:model=FOLDER"):
        build_compressor("llmlingua2").check_architecture("decoder-only", "")
    refused(tmp_path / "nowhere", "nowhere can't be read as a model's folder")
    tiny_model("gpt2", 0).model.save_pretrained(tmp_path / "gpt2")
    refused(tmp_path / "gpt2", "gpt2 holds GPT2LMHeadModel: give a token classifier")
    save_classifier(tmp_path / "weightless")
    (tmp_path / "weightless" / "model.safetensors").unlink()
    refused(tmp_path / "weightless", "has no .safetensors file")
    save_classifier(tmp_path / "three", labels=3)
    with pytest.raises(GistevalError, match="has 3 classes, not the two"):
        load_classifier(str(tmp_path / "three"), torch.device("cpu"))


def test_the_classifier_is_a_part_of_the_identity(tmp_path):
    digests = []
    for name in ("one", "same", "other"):
        save_classifier(tmp_path / name)
        if name == "other":
            config = json.loads((tmp_path / name / "config.json").read_text())
            (tmp_path / name / "config.json").write_text(json.dumps({**config, "layer_norm_eps": 1e-5}))
        digests.append(build_compressor(f"llmlingua2:model={tmp_path / name}").helper_digests())
    assert digests[0] == digests[1] != digests[2]
