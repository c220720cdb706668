"""Each sign of a wrong checkpoint is noticed, and a right one gives no warning."""

from __future__ import annotations

import copy
import logging

import pytest
import torch

from gisteval.models.checkpoints import load_checks
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.models.checkpoints.load_checks import sentence_loss, warnings
from gisteval.models.checkpoints.loading import load_model
from gisteval.models.text.tokens import GIST_TOKEN, PromptTokenizer


def changed(model, network=None, tokenizer=None):
    """The same adapter with another network or tokenizer."""
    tokens = model.tokens
    if tokenizer is not None:
        tokens = PromptTokenizer(tokenizer, tokens.template, tokens.k, tokens.closes_input)
    return type(model)(network or model.model, tokens)


@pytest.mark.parametrize("name", ["llama", "gpt2", "t5"])
def test_a_right_checkpoint_gives_no_warning(tiny_model, name):
    assert list(warnings(tiny_model(name, 3), trained_here=True)) == []


@pytest.mark.parametrize("name", ["llama", "t5"])
def test_the_loss_on_sentences_is_the_networks_own(tiny_model, name, monkeypatch):
    model = tiny_model(name, 1)
    text = "cats, dogs and worlds"
    monkeypatch.setattr(load_checks, "SENTENCES", (text,))
    ids = model.tokens.tokenizer(text, add_special_tokens=False)["input_ids"]
    half = len(ids) // 2
    with torch.inference_mode():
        if name == "llama":
            logits = model.model(torch.tensor([ids])).logits[0, half - 1 : -1]
        else:
            decoder = torch.tensor([[model.start_id, *ids[half:-1]]])
            logits = model.model(torch.tensor([ids[:half]]), decoder_input_ids=decoder).logits[0]
    expected = float(torch.nn.functional.cross_entropy(logits, torch.tensor(ids[half:])))
    assert sentence_loss(model) == pytest.approx(expected, abs=1e-4)


def test_an_absurd_loss_is_told_for_checkpoints_from_elsewhere_only(tiny_model, monkeypatch):
    model = tiny_model("llama", 1)
    monkeypatch.setattr(load_checks, "sentence_loss", lambda _: 30.0)
    assert list(warnings(model, trained_here=True)) == []
    (line,) = warnings(model, trained_here=False)
    assert "loss on plain English is 30.0 nats a token, worse than guessing evenly (5.7)" in line
    monkeypatch.setattr(load_checks, "sentence_loss", lambda _: 3.0)
    assert list(warnings(model, trained_here=False)) == []


def test_logits_that_are_no_numbers_are_told(tiny_model):
    network = copy.deepcopy(tiny_model("llama", 1).model)
    with torch.no_grad():
        network.lm_head.weight[5] = float("nan")
    (line,) = warnings(changed(tiny_model("llama", 1), network), trained_here=False)
    assert "logits are not all finite" in line


def test_a_tokenizer_that_loses_characters_is_told(tiny_model):
    from tokenizers import normalizers

    tokenizer = copy.deepcopy(tiny_model("llama", 1).tokens.tokenizer)
    tokenizer.backend_tokenizer.normalizer = normalizers.Lowercase()
    found = list(warnings(changed(tiny_model("llama", 1), tokenizer=tokenizer), trained_here=True))
    assert len(found) == 2
    assert "characters are lost" in found[0]


def test_a_gist_token_in_pieces_is_told(tiny_model, monkeypatch):
    model = tiny_model("llama", 1)
    monkeypatch.setattr(load_checks, "GIST_TOKEN", GIST_TOKEN + " ")
    assert any("makes 2 tokens of" in line for line in warnings(model, trained_here=True))


def test_segments_that_merge_are_told(tiny_model):
    """Without a gist between them, the two line breaks may become one token."""
    tokenizer = copy.deepcopy(tiny_model("llama", 1).tokens.tokenizer)
    tokenizer.add_tokens(["\n\n"])
    model = changed(tiny_model("llama", 0), tokenizer=tokenizer)
    model.tokens.k = 0
    assert any("otherwise when they stand together" in line for line in warnings(model, trained_here=False))


def test_warnings_reach_the_log_when_a_checkpoint_is_loaded(tiny_suite, monkeypatch, caplog):
    monkeypatch.setattr(load_checks, "_finite", lambda _: False)
    with caplog.at_level(logging.WARNING):
        load_model(inspect_checkpoint(tiny_suite / "gist-1"), torch.device("cpu"), torch.float32)
    assert f"{tiny_suite / 'gist-1'}: its logits are not all finite" in caplog.text
