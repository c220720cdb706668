"""What a training notes of its gists, and that looking changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from gisteval.compressors.gist.gist import Gist
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.models.checkpoints.loading import load_model
from gisteval.models.running.state_values import summarised
from gisteval.records.schema import Example
from gisteval.training.health import GistHealth, gist_history
from gisteval.training.recipe import build_recipe
from gisteval.training.train import train

WORDS = ["cats", "dogs", "yes", "no", "maybe", "first"]
EXAMPLES = [Example(word, "tiny", "train", f"say {word}", "again", word) for word in WORDS]
SCRATCH = {"vocab_size": 300, "hidden_size": 32, "intermediate_size": 64, "layers": 2, "heads": 2}


def recipe(model: str, condition: str = "gist"):
    return build_recipe(
        {
            "task": "tiny", "family": "tiny", "condition": condition, "k": 2,
            "scratch": {**SCRATCH, "model": model}, "steps": 4, "rows_per_step": 3, "learning_rate": 0.02,
            "warmup": 0, "log_every": 1, "save_every": 3, "save_dtype": "float32",
        },
        "test",
    )  # fmt: skip


@pytest.mark.parametrize("model", ["llama", "t5"])
def test_gists_are_looked_at_where_a_step_is_saved_and_at_the_end(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = train(recipe(model), EXAMPLES, tmp_path / "looked")
    looked = record.training["gists"]
    assert [step for step, _, _ in looked] == [3, 4]
    assert len(record.training["loss"]) == 4
    trained = load_model(inspect_checkpoint(tmp_path / "looked"), torch.device("cpu"), torch.float32)
    stored = summarised(Gist().compress(trained, [example.instruction for example in EXAMPLES], None))
    assert stored is not None
    assert looked[-1][1:] == pytest.approx((stored.norm, stored.entropy), rel=1e-4)

    monkeypatch.setattr(GistHealth, "on_step_end", lambda *_, **__: None)
    assert "gists" not in train(recipe(model), EXAMPLES, tmp_path / "not").training
    one, other = (load_file(tmp_path / name / "model.safetensors") for name in ("looked", "not"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_control_has_no_gists_to_look_at(tmp_path: Path) -> None:
    assert "gists" not in train(recipe("llama", "neg_control"), EXAMPLES, tmp_path / "neg").training


def test_other_entries_of_a_log_are_left_out() -> None:
    log = [{"step": 1, "loss": 2.0}, {"step": 3, "gist_norm": 1.5, "gist_entropy": 0.5}, {"step": 4}]
    assert gist_history(log) == [(3, 1.5, 0.5)]
