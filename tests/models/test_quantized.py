"""Weights in int8 and int4: both paths alike, close to the float model, adapters kept beside them."""

from __future__ import annotations

import pytest
import torch

from gisteval.compressors.gist.gist import Gist
from gisteval.errors import GistevalError
from gisteval.generation.selfcheck import check_cached_path
from gisteval.models.checkpoints.checkpoint import GistRecord, inspect_checkpoint
from gisteval.models.checkpoints.loading import load_model, load_weights, save_checkpoint
from gisteval.models.running.architecture import architecture_of
from gisteval.records.schema import Example

pytest.importorskip("bitsandbytes", reason="the extra 'quantized' is not installed")

CPU = torch.device("cpu")
TEMPLATE = architecture_of({"model_type": "llama"}, "test").template
WORDS = ["yes ", "no ", "maybe ", "worlds "]
EXAMPLES = [
    Example(str(n), "tiny", "test", "say " + word * n, "cats, " * (n % 3), f"{word} {word}")
    for n, word in enumerate(WORDS * 2)
]


@pytest.fixture(scope="module", params=["llama", "qwen2", "gpt2", "t5"])
def checkpoint(request, tmp_path_factory, tiny_network, tiny_tokenizer):
    path = tmp_path_factory.mktemp(request.param)
    template = architecture_of({"model_type": request.param}, "test").template
    recipe = {"recipe": {"condition": "gist", "k": 2}}
    record = GistRecord("tiny", "gist", 2, template, training=recipe)
    save_checkpoint(path, tiny_network(request.param, width=64), tiny_tokenizer, record)
    return inspect_checkpoint(path)


def losses(model, examples=EXAMPLES) -> torch.Tensor:
    prompts = Gist().compress(model, [example.instruction for example in examples], None)
    return torch.cat(model.score(prompts, [e.input for e in examples], [e.output for e in examples]))


@pytest.mark.parametrize("quantize", ["int8", "int4"])
def test_both_paths_are_alike_and_near_the_float_model(checkpoint, quantize):
    model = load_model(checkpoint, CPU, torch.float32, quantize=quantize)
    assert model.quantized == quantize and model.device == CPU
    check = check_cached_path(model, Gist(), None, EXAMPLES)
    assert check.max_nll_difference < (1e-3 if quantize == "int4" else 5e-2)
    alone = torch.cat([losses(model, [example]) for example in EXAMPLES])
    assert float((alone - losses(model)).abs().max()) < 5e-2
    plain, found = losses(load_model(checkpoint, CPU, torch.float32)), losses(model)
    assert float((found - plain).abs().max()) > 0
    correlation = float(torch.corrcoef(torch.stack([found, plain]))[0, 1])
    assert correlation > (0.99 if quantize == "int8" else 0.8)


def test_embeddings_and_output_matrix_stay_whole(checkpoint):
    model = load_model(checkpoint, CPU, torch.float32, quantize="int4").model
    plain = load_model(checkpoint, CPU, torch.float32).model
    for one, other in (
        (model.get_input_embeddings(), plain.get_input_embeddings()),
        (model.get_output_embeddings(), plain.get_output_embeddings()),
    ):
        assert torch.equal(one.weight, other.weight)
    assert model.num_parameters() == plain.num_parameters()
    assert any(weight.dtype == torch.uint8 for weight in model.parameters())


def test_int4_weights_are_multiplied_in_the_dtype_asked_for(checkpoint):
    """bitsandbytes' kernel for CPUs with bfloat16 would round to it: 1e-3 of the result, not 1e-6."""
    from bitsandbytes.functional import dequantize_4bit
    from bitsandbytes.nn import Linear4bit

    model = load_model(checkpoint, CPU, torch.float32, quantize="int4").model
    layers = [part for part in model.modules() if isinstance(part, Linear4bit)]
    assert layers
    for part in layers[:3]:
        states = torch.randn(3, part.in_features, generator=torch.Generator().manual_seed(0))
        with torch.inference_mode():
            weight = dequantize_4bit(part.weight.data, part.weight.quant_state).float()
            plain = torch.nn.functional.linear(states, weight, part.bias)
            assert torch.allclose(part(states), plain, rtol=1e-5, atol=1e-5)


def test_int4_refuses_rows_that_are_read_wrong(tmp_path, tiny_network, tiny_tokenizer):
    record = GistRecord("tiny", "gist", 2, TEMPLATE)
    save_checkpoint(tmp_path, tiny_network("llama"), tiny_tokenizer, record)
    with pytest.raises(GistevalError, match=r"q_proj takes 32 inputs, .* multiples of 64: take int8"):
        load_model(inspect_checkpoint(tmp_path), CPU, torch.float32, quantize="int4")


def test_quantised_weights_on_disk_are_refused(checkpoint):
    with pytest.raises(GistevalError, match="disk") as caught:
        load_model(checkpoint, CPU, torch.float32, {"": "disk"}, "int4")
    assert "\n" not in str(caught.value)


def test_a_gguf_file_is_refused(tmp_path, tiny_tokenizer):
    (tmp_path / "tiny.gguf").write_bytes(b"GGUF")
    with pytest.raises(GistevalError, match=r"GGUF file.*leave --quantize out"):
        load_weights(inspect_checkpoint(tmp_path), tiny_tokenizer, torch.float32, {"": "cpu"}, "int8")
