"""`gisteval export-prefix`: what stock transformers answers behind the file, without gisteval."""

from __future__ import annotations

import re
from pathlib import Path

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
from gisteval.pipeline.export_prefix import export_prefix, stock_logits
from gisteval.records.budget import Budget

ROOT = Path(__file__).resolve().parents[2]
CHECKPOINT = ROOT / "checkpoints" / "wordplay-llama" / "gist-5"
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
        ({"engine": "x"}, "choose transformers"),
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
