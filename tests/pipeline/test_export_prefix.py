"""`gisteval export-prefix`: what stock transformers answers behind the file, without gisteval."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from random_models import random_model

from gisteval.compressors.spec import CompressorSpec
from gisteval.config import read_config
from gisteval.errors import GistevalError
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.models.checkpoints.loading import load_model
from gisteval.models.running.compressed import Accounting, Nothing, Tokens
from gisteval.models.running.exported import exported
from gisteval.models.running.slot_file import slot_file
from gisteval.pipeline.export_prefix import export_prefix, stock_logits
from gisteval.records.budget import Budget

ROOT = Path(__file__).resolve().parents[2]
CHECKPOINT = ROOT / "checkpoints" / "wordplay-llama" / "gist-5"
SERVER_BYTES = 117_188
"""Of a slot of 19 tokens that llama.cpp's server saved (xllamacpp 2026.10.11549, float32)."""

PROMPT, INPUT = "say the second word twice", "red blue green"
CODE = re.search(r"```python\n(import json.*?)```", (ROOT / "docs" / "costs.md").read_text(), re.S)


def configuration(model: Path = CHECKPOINT, **more: object) -> object:
    return read_config(None, {"models": [str(model)], "dtype": "float32", "device": "cpu", **more})


@pytest.fixture(scope="module")
def demo():
    return load_model(inspect_checkpoint(CHECKPOINT), torch.device("cpu"), torch.float32)


@pytest.mark.parametrize(
    ("spec", "budget"), [("gist", None), ("keydiff", "5"), ("streaming", "50%"), ("full", None)]
)
def test_stock_transformers_answers_as_we_do(spec, budget, demo, tmp_path) -> None:
    """The code of docs/costs.md, beside our own decoding behind the same compressed prompt."""
    more = {"budgets": [budget]} if budget else {}
    file = tmp_path / "prefix.safetensors"
    written = export_prefix(configuration(compressors=[spec], **more), PROMPT, "transformers", file, INPUT)
    assert written.difference < 1e-4 and (written.moved == 0) == (spec == "full")
    method = CompressorSpec.parse(spec).build()
    (compressed,) = method.compress(demo, [PROMPT], Budget.parse(budget) if budget else None)
    (ours,) = demo.run([compressed], demo.tokens.continuations([INPUT])).decode(32)
    assert CODE is not None and "gisteval" not in CODE[1]
    code = CODE[1].replace('"prefix.safetensors"', repr(str(file)))
    names: dict[str, object] = {}
    exec(code.replace('"checkpoints/wordplay-llama/gist-5"', repr(str(CHECKPOINT))), names)
    assert names["answer"] == demo.tokens.decode(ours.token_ids) != ""


def test_a_slot_file_is_what_llama_cpp_writes(demo) -> None:
    """Its head, for 19 tokens behind the whole prompt, is that of a file that the server itself wrote.

    A reader of the layout finds the states again, with each pair of a rotation side by side.
    """
    ids = [281, 27, 396, 266, 399, 291, 1037, 200, 200, 282, 27, 596, 594, 560, 200, 278, 27, 596, 594]
    prefix = exported(demo, demo.whole([ids])[0])
    content = slot_file(prefix, "llama", placeholder=7)
    assert len(content) == 117_188 == SERVER_BYTES
    words = struct.unpack("<26I", content[:104])
    assert words == (0x67677371, 4, 23, 0xFFFFFFFF, 1, 19, *[7] * 19, 0)
    assert struct.unpack("<8I", content[104:136]) == (1, 19, 0, 1, 0, 1, 1, 0)
    assert struct.unpack("<4IIQ", content[340:368]) == (0, 4, 0, 0, 0, 768)
    stored = np.frombuffer(content[368 : 368 + 19 * 768], np.float32).reshape(19, 4, 48)
    keys = prefix.layers[0][0].numpy()
    np.testing.assert_array_equal(stored[:, :, 0::2], keys[:, :, :24].transpose(1, 0, 2))
    np.testing.assert_array_equal(stored[:, :, 1::2], keys[:, :, 24:].transpose(1, 0, 2))
    values = np.frombuffer(content[-19 * 768 :], np.float32).reshape(19, 4, 48)
    np.testing.assert_array_equal(values, prefix.layers[3][1].numpy().transpose(1, 0, 2))


def test_llama_cpp_takes_what_it_can_hold(tmp_path, demo) -> None:
    file = tmp_path / "slot.bin"
    written = export_prefix(configuration(), PROMPT, "llama.cpp", file)
    assert file.stat().st_size == written.bytes and written.slots == 5
    (compressed,) = CompressorSpec.parse("gist").build().compress(demo, [PROMPT], None)
    prefix = exported(demo, compressed)
    with pytest.raises(GistevalError, match="known here for llama alone, not for qwen2"):
        slot_file(prefix, "qwen2", 0)
    halves = tuple((keys.bfloat16(), values.bfloat16()) for keys, values in prefix.layers)
    with pytest.raises(GistevalError, match="holds float32 or float16"):
        slot_file(type(prefix)(halves, prefix.slots, 0), "llama", 0)


@pytest.mark.parametrize("family", ["llama", "qwen2"])
def test_a_wrong_distance_would_be_seen(family) -> None:
    """The proof can fail: slots that are left where they were answer otherwise."""
    model = random_model(family, k=2)
    method = CompressorSpec.parse("knorm").build()
    (compressed,) = method.compress(model, ["say the first word twice or maybe"], Budget.parse("3"))
    (inputs,) = model.tokens.continuations(["cats dogs"])
    ours = model.run([compressed], [inputs]).last_logits[0]
    moved = exported(model, compressed)
    assert float((stock_logits(model, moved, inputs) - ours).abs().max()) < 1e-4
    unmoved = type(moved)(compressed.layers, moved.slots, 0)
    assert float((stock_logits(model, unmoved, inputs) - ours).abs().max()) > 1e-2


def test_positions_that_are_no_rotations_are_refused() -> None:
    model = random_model("gpt2", k=2)
    (compressed,) = CompressorSpec.parse("gist").build().compress(model, ["say no"], None)
    with pytest.raises(GistevalError, match="no rotations of its keys"):
        exported(model, compressed)
    (whole,) = model.whole(model.tokens.prompts(["say no"]))
    assert exported(model, whole).moved == 0


@pytest.mark.parametrize(
    "compressed", [Tokens((1,), Accounting(1, 0, 1, 8)), Nothing(3, Accounting(1, 0, 0, 0))], ids=["t", "n"]
)
def test_what_is_no_prefix_is_refused(compressed) -> None:
    with pytest.raises(GistevalError, match="there is no prefix to export"):
        exported(random_model("llama", k=2), compressed)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"engine": "vllm"}, "--engine vllm can't load a prefix (its cache is looked up by"),
        ({"engine": "x"}, "choose transformers, llama.cpp"),
        ({"prompt": " "}, "--prompt is empty"),
        ({"config": configuration(compressors=["gist", "full"])}, "one --compressor and one --budget"),
    ],
)
def test_what_does_not_fit_is_one_line(change, said, tmp_path) -> None:
    given = {
        "config": configuration(),
        "prompt": PROMPT,
        "engine": "transformers",
        "output": tmp_path / "f",
    }
    with pytest.raises(GistevalError) as error:
        export_prefix(**{**given, **change})
    assert said in str(error.value) and not (tmp_path / "f").exists()
