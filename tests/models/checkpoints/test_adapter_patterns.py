"""Patterns of module names: sound ones pass, endless ones are stopped."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from gisteval.errors import GistevalError
from gisteval.models.checkpoints import adapter_patterns
from gisteval.models.checkpoints.adapter_patterns import check_patterns

NAMES = [f"model.layers.{layer}.self_attn.{part}_proj" for layer in range(80) for part in "qkvo"] + [
    "a" * 40
]


@pytest.mark.parametrize(
    "config",
    [
        {"target_modules": r"^(?!.*visual).*layers\.\d+\.(self_attn|mlp)\.(?:q|k|v|o|up|down)_proj"},
        {"target_modules": "all-linear", "exclude_modules": None},
        {"target_modules": ["q_proj", "(a+)+$"]},  # of a list, peft compares the texts
        {"rank_pattern": {r"layers\.(1|2)\..*": 4}, "layers_pattern": ["layers"]},
        {},
    ],
)
def test_sound_patterns_pass(config: dict[str, Any], tmp_path: Path) -> None:
    check_patterns(config, NAMES, tmp_path)


@pytest.mark.parametrize(
    "config",
    [
        {"target_modules": "(a+)+$|(.*)*x"},
        {"target_modules": "(a|aa)" * 28 + "x"},
        {"exclude_modules": "(a*)*b"},
        {"alpha_pattern": {"(a|aa)+b": 1}},
        {"layers_pattern": ["(.+)+"]},
    ],
)
def test_endless_patterns_are_stopped(
    config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter_patterns, "PATIENCE", 0.5)
    start = time.monotonic()
    with pytest.raises(GistevalError, match="list the modules' names"):
        check_patterns(config, [*NAMES, "." + "a" * 60], tmp_path)
    assert time.monotonic() - start < 10


def test_what_is_no_pattern(tmp_path: Path) -> None:
    with pytest.raises(GistevalError, match="no regular expression"):
        check_patterns({"target_modules": "("}, NAMES, tmp_path)
