"""Planted faults are caught in every dtype, and right models pass. `make selfcheck` does more of both."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
import torch
from planted_faults import FAULTS, applies
from random_models import random_examples, random_model

from gisteval.compressors.empty import Empty
from gisteval.compressors.full import Full
from gisteval.compressors.gist.gist import Gist
from gisteval.content import find_content
from gisteval.errors import InvalidRun
from gisteval.generation.selfcheck import check_cached_path, choose_examples, spread
from gisteval.generation.selfcheck.rows import LEAST_ROWS
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.models.checkpoints.loading import load_model
from gisteval.records.schema import Example

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def missed(model, examples, names=tuple(FAULTS)) -> list[str]:
    found = []
    for name in filter(lambda name: applies(name, model), names):
        with FAULTS[name](model):
            try:
                check_cached_path(model, Gist(), None, examples)
            except InvalidRun:
                continue
        found.append(name)
    return found


@pytest.mark.parametrize(
    ("family", "dtype"),
    [
        *((family, dtype) for family in ("llama", "t5") for dtype in ("float32", "bfloat16")),
        ("gpt2", "float32"),
        ("qwen2", "bfloat16"),
        ("llama", "float16"),  # it rounds less than bfloat16
    ],
)
def test_every_planted_fault_is_caught(family, dtype):
    model, examples = random_model(family, DTYPES[dtype]), random_examples(count=7)
    check_cached_path(model, Gist(), None, examples)
    assert missed(model, examples) == []


def test_three_rows_are_enough():
    """As few as are read of long prompts, chosen as a run chooses them."""
    model = random_model("llama", torch.float32)
    examples = spread(
        sorted(random_examples(count=7), key=lambda e: len(e.instruction + e.input)), LEAST_ROWS
    )
    check_cached_path(model, Gist(), None, examples)
    assert missed(model, examples) == []


@pytest.mark.parametrize("suite", ["wordplay-llama", "wordplay-t5"])
def test_faults_are_caught_in_trained_models_as_well(suite):
    """They know many of their answers, and rounding in bfloat16 moves them more than random models."""
    checkpoint = inspect_checkpoint(find_content("checkpoints") / suite / "gist-1")
    model = load_model(checkpoint, torch.device("cpu"), torch.bfloat16)
    lines = (Path(find_content("tasks")) / "wordplay" / "unseen.jsonl").read_text().splitlines()[:40]
    texts = [json.loads(line) for line in lines]
    pool = [
        Example(str(n), "wordplay", "unseen", t["instruction"], t["input"], t["output"])
        for n, t in enumerate(texts)
    ]
    examples = choose_examples(model, {"unseen": pool})
    check_cached_path(model, Gist(), None, examples)
    names = [
        "decode: rows reversed",
        "decode: constant garbage",
        "decode: no rewind after the loss",
        "prompt: positions + 7",
        "prompt: layer 0 from another",
        "prompt: one layer's keys from another",
        "prompt: one value head from another",
    ]
    assert missed(model, examples, names) == []


@pytest.mark.parametrize("dtype", DTYPES)
def test_right_models_pass(dtype):
    families = ("llama", "qwen2", "gpt2", "t5", "mistral", "qwen3", "gpt_neox", "mixtral")
    compressors = itertools.cycle([Gist(), Full(), Empty()])
    for seed, (family, gain) in enumerate(itertools.product(families, (1.0, 9.0))):
        model = random_model(family, DTYPES[dtype], k=1 + seed % 3, gain=gain, seed=seed)
        examples = random_examples(seed, (1, 2, 5, 10)[seed % 4])
        result = check_cached_path(model, next(compressors), None, examples)
        assert result.broken_rows == 0


def test_a_fault_is_gone_after_its_block():
    model, examples = random_model("llama"), random_examples(count=4)
    before = check_cached_path(model, Gist(), None, examples)
    assert missed(model, examples, ["decode: one token off", "prompt: positions + 1"]) == []
    assert check_cached_path(model, Gist(), None, examples) == before
