"""What a recipe becomes as arguments of the Trainer."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from gisteval.training.recipe import Recipe
from gisteval.training.settings import training_arguments, training_precision

FIELDS = {"task": "t", "condition": "gist", "family": "f", "base": "b", "steps": 100}


@pytest.mark.parametrize(
    ("asked", "capabilities", "found"),
    [
        ("float32", {"amx_bf16": True}, "float32"),
        ("bfloat16", {"avx512_bf16": True}, "bfloat16"),
        ("bfloat16", {"avx512_f": True}, "float32"),
    ],
)
def test_no_cpu_emulates_bfloat16(monkeypatch, asked: str, capabilities: dict, found: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert training_precision(Recipe(**FIELDS, precision=asked)) == found


def test_arguments_are_the_recipes(tmp_path: Path) -> None:
    recipe = Recipe(**FIELDS, warmup=0.25, learning_rate=0.5, clip=2.0, seed=7, rows_per_step=3)
    found = training_arguments(recipe, "float32", tmp_path)
    assert (found.max_steps, found.warmup_steps, found.seed) == (100, 25, 7)
    assert (found.learning_rate, found.max_grad_norm) == (0.5, 2.0)
    assert (found.per_device_train_batch_size, found.save_total_limit, found.bf16) == (3, 1, False)
