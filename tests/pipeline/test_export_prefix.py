"""`gisteval export-prefix`: what stock transformers answers behind the file, without gisteval."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from gisteval.compressors.spec import CompressorSpec
from gisteval.config_file import read_config
from gisteval.errors import GistevalError
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.models.checkpoints.loading import load_model
from gisteval.pipeline.export_prefix import export_prefix
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


def test_a_slot_file_has_the_slots_that_are_kept(tmp_path) -> None:
    file = tmp_path / "slot.bin"
    written = export_prefix(configuration(), PROMPT, "llama.cpp", file)
    assert file.stat().st_size == written.bytes and written.slots == 5


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
