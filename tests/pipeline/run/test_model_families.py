"""Commands on model families: what can't be run is refused in one line, and limits are named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tiny_families import family, tiny_model

from gisteval.models.checkpoints.checkpoint import GistRecord
from gisteval.models.checkpoints.loading import save_checkpoint

SHORT = [("say yes", "a dog", "yes"), ("say no", "", "no"), ("say maybe or yes", "cats", "maybe")]
LONG = ("say the first word " * 30, "cats", "cats")


@pytest.fixture
def checkpoint(tmp_path, tiny_tokenizer):
    """A gist checkpoint of a tiny family, by its name in the matrix."""

    def make(name: str) -> Path:
        path = tmp_path / "model"
        save_checkpoint(path, tiny_model(family(name)), tiny_tokenizer, GistRecord("tiny", "gist", 1))
        return path

    return make


@pytest.fixture
def configured(tmp_path, tiny_tokenizer):
    """A folder that has all of a checkpoint but the weights that its config.json speaks of."""

    def make(**config) -> Path:
        path = tmp_path / "model"
        tiny_tokenizer.save_pretrained(path)
        save_file({"nothing": torch.zeros(1)}, path / "model.safetensors")
        (path / "config.json").write_text(json.dumps(config))
        return path

    return make


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"model_type": "rwkv"}, "carries a state from token to token"),
        ({"model_type": "jamba"}, "some of its layers carry a state"),
        ({"model_type": "lfm2", "layer_types": ["conv", "full_attention"]}, "(conv) carry a state"),
        ({"model_type": "openai-gpt"}, "keeps no cache"),
        ({"model_type": "longt5", "is_encoder_decoder": True}, "attends within blocks"),
        ({"model_type": "switch_transformers", "is_encoder_decoder": True}, "experts drop tokens"),
    ],
)
def test_a_family_that_cannot_be_run_is_refused_in_one_line(
    configured, tmp_path, write_task, refused, config, reason, dry
):
    task = write_task(tmp_path / "task", SHORT)
    model = configured(**config)
    line = refused("run", "--model", model, "--task", task, "--k", 1, "--output", tmp_path / "run", *dry)
    assert reason in line
    assert config["model_type"] in line
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("kind", ["llava", "no_such_type"])
def test_a_type_without_a_causal_language_model_is_refused_before_its_weights(
    configured, tmp_path, write_task, gisteval, kind
):
    task = write_task(tmp_path / "task", SHORT)
    model = configured(model_type=kind)
    outcome = gisteval("run", "--model", model, "--task", task, "--k", 1, "--output", tmp_path / "run")
    assert outcome.code == 2
    assert kind in outcome.err.splitlines()[-1]
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("name", ["gemma3", "bloom"])
def test_what_has_no_sizes_where_others_have_them_runs_dry_and_whole(
    checkpoint, tmp_path, write_task, gisteval, results, name
):
    task = write_task(tmp_path / "task", SHORT)
    arguments = ("run", "--model", checkpoint(name), "--task", task, "--judge", "none")
    assert gisteval(*arguments, "--dry-run", "--output", tmp_path / "dry").code == 0
    assert gisteval(*arguments, "--output", tmp_path / "run").code == 0
    assert {row["n"] for row in results(tmp_path / "run")["rows"]} == {len(SHORT)}


def test_a_longrope_gives_the_same_at_any_batch_size_and_names_its_limit(
    checkpoint, tmp_path, write_task, gisteval
):
    model, task = checkpoint("phi3, longrope"), write_task(tmp_path / "task", [*SHORT, LONG])
    losses = []
    for size in ("auto", "1"):
        run = tmp_path / f"run-{size}"
        arguments = ("--model", model, "--task", task, "--judge", "none", "--batch-size", size)
        outcome = gisteval("run", *arguments, "--output", run)
        assert outcome.code == 0, outcome.err
        assert "1 example exceeds the context of 96 tokens (gisteval's limit" in outcome.err
        lines = [line for file in (run / "generations").glob("*.jsonl") for line in file.open()]
        found = map(json.loads, lines)
        losses.append({(row["system"], row["example"]): row["nll"] for row in found})
    assert losses[0].keys() == losses[1].keys()
    assert all(losses[0][key] == pytest.approx(losses[1][key], abs=1e-4) for key in losses[0])


def test_a_split_of_which_nothing_fits_names_the_limit_that_is_gistevals(
    checkpoint, tmp_path, write_task, refused
):
    model, task = checkpoint("phi3, longrope"), write_task(tmp_path / "task", [LONG])
    line = refused("run", "--model", model, "--task", task, "--output", tmp_path / "run", code=4)
    assert "context of 96 tokens (gisteval's limit: the model takes 128" in line
