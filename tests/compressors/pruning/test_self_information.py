"""Self-information against a computation of its own: one pass a token, softmax by hand."""

from __future__ import annotations

import math
from copy import deepcopy

import pytest
import torch
from random_models import random_model

from gisteval.compressors.base import Source
from gisteval.compressors.pruning.helper import Reader
from gisteval.compressors.pruning.self_information import (
    SelfInformation,
    self_information,
    sentences,
)
from gisteval.compressors.spec import build_compressor
from gisteval.errors import GistevalError
from gisteval.records.budget import Budget

TEXT = "say the first word. twice or maybe not! then yes"


def expected_of(reader: Reader, text: str) -> list[float]:
    """One pass over each beginning of each sentence."""
    values = []
    for sentence in text.replace("!", "!|").replace(".", ".|").split("|"):
        before = [reader.tokenizer.eos_token_id]
        for token in reader.tokenizer(sentence.strip(), add_special_tokens=False)["input_ids"]:
            with torch.no_grad():
                logits = reader.model(torch.tensor([before])).logits[0, -1].tolist()
            top = max(logits)
            total = math.fsum(math.exp(logit - top) for logit in logits)
            values.append(top + math.log(total) - logits[token])
            before.append(token)
    return values


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_it_equals_one_pass_a_token(tiny_model, family):
    model = tiny_model(family, 0)
    reader = Reader(model.model, model.tokens.tokenizer)
    found = [one.value for one in self_information(reader, TEXT)]
    assert found == pytest.approx(expected_of(reader, TEXT), abs=1e-6)
    assert max(found) - min(found) > 1e-3


def test_what_goes_beyond_the_context_is_read_behind_the_end_token(tiny_model):
    model = tiny_model("gpt2", 0)
    short = deepcopy(model.model)
    short.config.max_position_embeddings = short.config.n_positions = 6
    reader = Reader(short, model.tokens.tokenizer)
    ids = reader.tokenizer("say the first word twice")["input_ids"]
    found = [one.value for one in self_information(reader, "say the first word twice")]
    assert len(found) == len(ids) > 5
    read = torch.tensor([[reader.tokenizer.eos_token_id, *ids[5:9]]])
    again = torch.nn.functional.cross_entropy(
        model.model(read).logits[0, :-1], torch.tensor(ids[5:9]), reduction="none"
    )
    assert found[5:9] == pytest.approx(again.tolist(), abs=1e-6)


def test_sentences_cover_the_text():
    text = "Say v1.5 twice.  Or not?! Then\nyes... maybe "
    assert [sentence for _, sentence in sentences(text)] == [
        "Say v1.5 twice.",
        "Or not?!",
        "Then",
        "yes...",
        "maybe ",
    ]
    assert all(text[start:].startswith(sentence) for start, sentence in sentences(text))


@pytest.mark.parametrize("unit", ["words", "tokens"])
def test_the_least_expected_is_kept(tiny_model, unit):
    model = tiny_model("llama", 0)
    (ids,) = model.tokens.prompts([TEXT])
    head, _ = model.tokens.template_ends(ids)
    (found,) = SelfInformation(unit).compress(model, [TEXT], Budget(1))
    scored = self_information(Reader(model.model, model.tokens.tokenizer), TEXT)
    if unit == "tokens":
        best = max(scored, key=lambda one: one.value)
        piece = model.tokens.tokenizer.decode(found.token_ids[head : head + 1])
        assert piece.strip() == TEXT[best.start : best.end]
    assert found.accounting.kept == found.accounting.template_tokens + 1


@pytest.mark.parametrize("family", ["gpt2", "t5"])
def test_another_model_with_another_tokenizer_decides(tiny_model, tmp_path, family):
    model, other = tiny_model(family, 0), random_model("llama", k=0, gain=3.0)
    other.model.save_pretrained(tmp_path)
    other.tokens.tokenizer.save_pretrained(tmp_path)
    compressor = build_compressor(f"self_information:model={tmp_path}")
    (found,) = compressor.compress(model, [TEXT], Budget(share=0.5))
    assert 0 < found.accounting.kept - found.accounting.kept_template <= found.accounting.asked
    scored = self_information(Reader(other.model, other.tokens.tokenizer), TEXT)
    words = dict.fromkeys(TEXT.split(), 0.0)
    start = 0
    for word in words:
        start = TEXT.index(word, start)
        values = [one.value for one in scored if start <= one.start and one.end <= start + len(word)]
        words[word] = sum(values) / len(values)
        start += len(word)
    best = max(words, key=words.__getitem__)
    (top,) = compressor.compress(model, [TEXT], Budget(9))
    assert best in model.tokens.tokenizer.decode(top.token_ids)
    digests = compressor.helper_digests()
    with (tmp_path / "config.json").open("a") as file:
        file.write("\n")
    assert set(digests) == {"model"}
    assert compressor.helper_digests() != digests


def test_what_cannot_be_asked_is_refused_before_loading(tmp_path):
    own = build_compressor("self_information")
    assert own.helper_digests() == {}
    with pytest.raises(GistevalError, match=r"t5/ is a model of the kind encoder-decoder.*name a causal"):
        own.check_architecture("encoder-decoder", "t5/")
    with pytest.raises(GistevalError, match="nowhere"):
        build_compressor(f"self_information:model={tmp_path}/nowhere").check_architecture(
            "decoder-only", ""
        )
    t5 = random_model("t5", k=0)
    t5.model.save_pretrained(tmp_path)
    t5.tokens.tokenizer.save_pretrained(tmp_path)
    with pytest.raises(GistevalError, match="kind encoder-decoder: give a causal one"):
        build_compressor(f"self_information:model={tmp_path}").check_architecture("decoder-only", "")


def test_reading_the_instruction_costs_a_pass_with_ones_own_weights():
    source = Source(tokens=23, k=0, leak_window=0, caches_prompts=True, template=3)
    assert build_compressor("self_information").footprint(source, Budget(5)).run_once == 20
    assert build_compressor("self_information:model=x").footprint(source, Budget(5)).run_once == 0
