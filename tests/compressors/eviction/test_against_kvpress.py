"""Scores, kept slots and logits against those of kvpress 0.5.5 on a tiny seeded Llama.

A compressor is one row: its spec, the name that kvpress's figures have, and the attention functions that
they were made with.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from family_check import family_tokens
from transformers import AutoConfig, AutoModelForCausalLM

from gisteval.compressors.eviction.base import Eviction
from gisteval.compressors.spec import CompressorSpec
from gisteval.models.running.compressed import Prefix
from gisteval.models.running.decoder import DecoderModel
from gisteval.models.running.decoder_continuation import DecoderContinuation
from gisteval.models.running.observe import LayerView

BOTH = ("sdpa", "eager")
ROWS = [
    ("knorm", "knorm", BOTH),
    ("streaming", "streaming", BOTH),
    ("keydiff", "keydiff", BOTH),
    ("tova", "tova", BOTH),
    ("expected", "expected", BOTH),
    ("snapkv:window=16", "snapkv", BOTH),  # kvpress's logits are of a window of 4
    ("observed", "observed", ("eager",)),
]
RATIOS = ("0.5", "0.75", "0.9")
CASES = [
    pytest.param(spec, f"{name}-{ratio}", attention, id=f"{name}-{ratio}-{attention}")
    for spec, name, attentions in ROWS
    for attention in attentions
    for ratio in RATIOS
    if (name, ratio) != ("snapkv", "0.9")  # 9 slots of a window of 16: kvpress chooses among equal scores
]
"""At a ratio of 0.9 kvpress keeps 9 of 100 slots: the number of slots is compared, not the ratio."""

LOGIT_SPECS = {"snapkv:window=16": "snapkv:window=4"}
"""Specs of the logits where they differ from those of the slots."""


@pytest.fixture
def kvpress(shared_data: Path) -> Path:
    """The folder of kvpress's figures."""
    folder = shared_data / "kvpress"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there: figures of kvpress")
    return folder


@cache
def load(folder: Path, attention: str) -> DecoderModel:
    """The tiny Llama whose figures they are."""
    from safetensors.torch import load_file

    config = AutoConfig.from_pretrained(folder)
    network = AutoModelForCausalLM.from_config(config, attn_implementation=attention, dtype=torch.float32)
    network.load_state_dict(load_file(folder / "model.safetensors"))
    return DecoderModel(network.eval(), family_tokens())


@cache
def figures(folder: Path, attention: str) -> Any:
    return json.loads((folder / f"golden-{attention}.json").read_text())


def compress(model: DecoderModel, compressor: Eviction, ids: list[int], slots: int) -> tuple[Prefix, list]:
    """The compressed prompt, and each layer's scores, (kv heads, tokens)."""
    scores: list[torch.Tensor] = []

    def select(view: LayerView) -> list[torch.Tensor]:
        scores.append(compressor.score(view)[0])
        return compressor.select(view, [slots])

    (prefix,) = model.encode([ids], select=select)
    return prefix, scores


@pytest.mark.parametrize(("spec", "name", "attention"), CASES)
def test_the_same_slots_are_kept(kvpress: Path, spec: str, name: str, attention: str) -> None:
    model, golden = load(kvpress, attention), figures(kvpress, attention)
    compressor = CompressorSpec.parse(spec).build()
    assert isinstance(compressor, Eviction)
    expected = golden["presses"][name]
    (ids,) = golden["ids"]
    prefix, scores = compress(model, compressor, ids, expected["kept"][0])
    assert prefix.kept is not None
    assert [layer.tolist() for layer in prefix.kept] == [
        [sorted(head) for head in layer] for layer in expected["indices"]
    ]
    for found, layer, kept in zip(scores, expected["scores"], prefix.kept, strict=True):
        known = torch.tensor(layer)
        if name.startswith("streaming"):  # kvpress gives 0 to what it drops, and so needs the budget
            found, known = found.take_along_dim(kept, 1), known.take_along_dim(kept, 1)
        assert float((found - known).abs().max()) <= 2e-5 * float(known.abs().max())


@pytest.mark.parametrize(("spec", "name", "attention"), CASES)
def test_a_question_behind_the_kept_slots_has_the_same_logits(
    kvpress: Path, spec: str, name: str, attention: str
) -> None:
    logits = json.loads((kvpress / "logits.json").read_text())
    if name not in logits:
        pytest.skip(f"kvpress's logits of {name} are not recorded")
    model, golden = load(kvpress, attention), figures(kvpress, attention)
    (ids,), (question,) = golden["ids"], logits["question"]
    compressor = CompressorSpec.parse(LOGIT_SPECS.get(spec, spec)).build()
    assert isinstance(compressor, Eviction)
    prefix, _ = compress(model, compressor, ids, golden["presses"][name]["kept"][0])
    found = DecoderContinuation(model, [prefix], [question], keep=len(question)).last_columns[0]
    assert float((found - torch.tensor(logits[name])).abs().max()) <= 1e-5
