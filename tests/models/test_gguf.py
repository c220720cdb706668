"""A GGUF file as a checkpoint, against the network it was written from."""

from __future__ import annotations

import pytest
import torch

from gisteval.compressors.gist.gist import Gist
from gisteval.masks import MaskRule
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.models.checkpoints.loading import load_model

pytest.importorskip("gguf")


def test_gguf_weights_are_those_of_the_checkpoint_they_were_made_from(tmp_path, tiny_network):
    from tiny_gguf import write_gguf

    network = tiny_network("llama")
    write_gguf(tmp_path / "tiny.gguf", network)
    checkpoint = inspect_checkpoint(tmp_path, k=1)
    assert checkpoint.gguf_file == "tiny.gguf"
    assert checkpoint.weight_files == [tmp_path / "tiny.gguf"]
    assert checkpoint.record.name == f"{tmp_path.name}-gist-1"
    model = load_model(checkpoint, torch.device("cpu"), torch.float32)
    assert model.tokens.gist_id == network.config.vocab_size - 1
    prompt = Gist().prompts(model, ["aba"])[0]
    with torch.inference_mode():
        expected = network(torch.tensor([prompt])).logits[0]
    found = model.masked_logits([[]], [prompt], MaskRule("pos_control"))[0]
    assert torch.allclose(found, expected, atol=1e-4)
