"""FLAN-T5 as published: whole weights in pickles, an output matrix of its own, sentencepiece."""

from __future__ import annotations

import json

import torch

from gisteval.compressors.gist.gist import Gist
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.models.checkpoints.loading import load_model


def loaded(flan_t5):
    checkpoint = inspect_checkpoint(flan_t5.folder, "gist", 1, allow_pickle=True)
    return load_model(checkpoint, torch.device("cpu"), torch.float32)


def test_weights_are_read_as_they_were_written(flan_t5):
    model = loaded(flan_t5)
    found, expected = dict(model.model.named_parameters()), dict(flan_t5.tuned.named_parameters())
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert model.model.config.scale_decoder_outputs is False
    assert not torch.equal(model.model.lm_head.weight, model.model.shared.weight)


def test_prompts_are_the_papers(flan_t5):
    """Together or apart, the tokenizer gives the same ids; the end token follows the input alone."""
    tokens = loaded(flan_t5).tokens
    together = tokens.tokenizer("Instruction: say yes\n<GIST>\nInput: cats")["input_ids"]
    apart = tokens.prompts(["say yes"])[0] + tokens.gists + tokens.continuations(["cats"])[0]
    assert apart == together
    assert tokens.continuations([""]) == [[1]]
    assert tokens.targets(["yes"]) == [tokens.tokenizer("yes")["input_ids"]]


def test_a_run_on_both_paths(flan_t5, command, tiny_task, tmp_path):
    code, out, err = command(
        *("run", "--model", flan_t5.folder, "--condition", "gist", "--k", 1, "--allow-pickle"),
        *("--task", tiny_task, "--limit", 4, "--judge", "none", "--output", tmp_path / "run", "--json"),
    )
    assert code == 0, err
    rows = json.loads(out)["rows"]
    assert {row["control"] for row in rows} == {None, "untrained"}
    checks = json.loads((tmp_path / "run" / "manifest.json").read_text())["self_check"]
    assert all(check["max_nll_difference"] < 1e-3 for check in checks.values())


def test_gists_differ_between_instructions(flan_t5):
    model = loaded(flan_t5)
    one, other = Gist().compress(model, ["say yes", "say no"], None)
    assert not torch.allclose(one.hidden, other.hidden)
