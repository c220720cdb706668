"""Checkpoints that were made to be wrong: one line each, before anything is loaded or made."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from gisteval.content import find_content
from gisteval.errors import GistevalError
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint

DEMO = find_content("checkpoints") / "wordplay-llama" / "gist-1"
SOUND = json.loads((DEMO / "gist.json").read_text())
INSTRUCTION = {"instruction": "{instruction}"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(DEMO, tmp_path / "checkpoint")


def refused(folder: Path) -> str:
    with pytest.raises(GistevalError) as caught:
        inspect_checkpoint(folder)
    return str(caught.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("k", value) for value in (10**9, -1, 1.5, True, "1", None, float("inf"), 10**400)),
        *(("leak_window", value) for value in (float("inf"), -1, 0.5, "0", 10**30)),
        *(
            ("template", {**SOUND["template"], "instruction": text})
            for text in ("{instruction:>9}", "{}", 7)
        ),
        *(
            ("template", {**SOUND["template"], "target": text})
            for text in ("{output!r}", "{output.x}", "{")
        ),
        *(
            ("template", value)
            for value in ({**SOUND["template"], "output": 7}, {"chat": []}, 7, "abc", None)
        ),
        ("template", {**SOUND["template"], "instruction": "{instruction:{input}}"}),
        *(("training", value) for value in (7, [], {"loss": "abc"}, {"loss": [[1, "2"]]}, {"loss": 3})),
        *(("training", {"recipe": value}) for value in ([], {"k": "x"}, {"condition": 3}, {"steps": "x"})),
        *(("family", value) for value in ("\ud800x", "", "a/b", "\x1b[2J")),
        *(("base", value) for value in (7, [], "\ud800")),
        *(("condition", value) for value in ("x", [], {})),
    ],
)
def test_a_field_of_gist_json(folder: Path, field: str, value: Any) -> None:
    (folder / "gist.json").write_text(json.dumps({**SOUND, field: value}))
    assert "gist.json" in refused(folder)


@pytest.mark.parametrize("name", ["gist.json", "config.json", "tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize("depth", [100, 900, 50_000])
def test_nesting(folder: Path, name: str, depth: int) -> None:
    (folder / name).write_text('{"a":' + "[" * depth + "]" * depth + "}")
    assert f"{name} is half-written or damaged (it is nested" in refused(folder)


def write_header(folder: Path, header: bytes, content: bytes) -> None:
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + content)


def tensor(*offsets: Any, shape: Any = (1,), dtype: Any = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.mark.parametrize(
    "header",
    [
        {"a": tensor(0, 4), "b": tensor(2, 6), "c": tensor(4, 8)},
        {"a": tensor(0, 4), "b": tensor(0, 8)},
        {"a": tensor(4, 8)},
        {"a": tensor("0", "8")},
        {"a": tensor(0, 4), "b": tensor("4", "8")},
        {"a": tensor(0.0, 8.0)},
        {"a": tensor(0)},
        {"a": tensor(0, 8, 9)},
        {"a": tensor(0, 8)},  # of one number
        {"a": tensor(0, 8, shape=[2], dtype="F99")},
        {"a": tensor(0, 8, shape=["2"])},
        {"a": 7},
        [],
    ],
)
def test_tensors_of_a_safetensors_header(folder: Path, header: Any) -> None:
    write_header(folder, json.dumps(header).encode(), bytes(8))
    assert "model.safetensors is damaged" in refused(folder)


@pytest.mark.parametrize("depth", [100, 50_000])
def test_a_deep_safetensors_header(folder: Path, depth: int) -> None:
    write_header(folder, b'{"a":' + b"[" * depth + b"]" * depth + b"}", b"")
    assert "damaged (unreadable header)" in refused(folder)


@pytest.mark.parametrize("shards", [[], {"a": ["x"]}, {"a": 7}, {"a": "../x.safetensors"}, None])
def test_an_index_of_shards(folder: Path, shards: Any) -> None:
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))
    assert "has no weight_map" in refused(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "model.gguf", "tokenizer.model"])
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_weights_and_tokenizers_are_regular_files(folder: Path, name: str, kind: str) -> None:
    (folder / name).unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(folder / name)
    else:
        (folder / name).symlink_to("/dev/zero")
    with pytest.raises(GistevalError, match=rf"{name} can't be read \(it is no regular file"):
        checkpoint = inspect_checkpoint(folder)
        assert checkpoint.weights_digest() and checkpoint.tokenizer_digest()


@pytest.mark.parametrize("k", [0, -1, 10**9])
def test_a_k_by_flag(folder: Path, k: int) -> None:
    with pytest.raises(GistevalError, match="k must be from 1 to 10,000"):
        inspect_checkpoint(folder, k=k)


def test_more_layers_than_any_model_has(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 10**9}))
    assert "num_hidden_layers is 1000000000" in refused(folder)
