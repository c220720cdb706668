"""LLMLingua-2 against llmlingua 0.2.2 on a tiny BERT and a tiny XLM-R, and what its folder must be."""

from __future__ import annotations

import pytest
import torch
from exchanged_prompts import exchanged_prompts
from random_models import random_examples, random_model
from tiny_classifier import save_classifier, save_xlm_classifier

from gisteval.compressors.pruning.classifier import load_classifier
from gisteval.compressors.pruning.llmlingua2 import chunks, keep_probabilities, positions
from gisteval.compressors.pruning.passage import read_passage
from gisteval.compressors.spec import build_compressor
from gisteval.errors import InvalidRun
from gisteval.generation.selfcheck import check_cached_path
from gisteval.records.budget import Budget

PLAIN = "say the first words twice or maybe no yes repeat the cats again"
PUNCTUATED = "repeat the first word, no cat! say dogs twice."
LABELS = [
    ("bert", PLAIN, 0.25, "1101000000000"),
    ("bert", PLAIN, 0.50, "1101000010110"),
    ("bert", PLAIN, 0.75, "1101101010111"),
    ("bert", PUNCTUATED, 0.25, "000100100"),
    ("bert", PUNCTUATED, 0.50, "010101110"),
    ("bert", PUNCTUATED, 0.75, "010111111"),
    ("xlm", PLAIN, 0.25, "0001010001000"),
    ("xlm", PLAIN, 0.50, "0001110101010"),
    ("xlm", PLAIN, 0.75, "1011111101010"),
    ("xlm", PUNCTUATED, 0.25, "000110010"),
    ("xlm", PUNCTUATED, 0.50, "100111010"),
    ("xlm", PUNCTUATED, 0.75, "100111011"),
]
"""What llmlingua 0.2.2 kept (1) with this classifier, a digit for each word, rates 0.25, 0.5 and 0.75.

Each word counted as one GPT token; it labels punctuation apart, which is left out here. For XLM-R its data
set was told the model's name: left alone it feeds the special tokens of BERT, which XLM-R does not have.
"""


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classifier")
    save_classifier(folder)
    return folder


@pytest.fixture
def compressor(classifier):
    return build_compressor(f"llmlingua2:model={classifier}")


@pytest.fixture(scope="module")
def xlm_classifier(tmp_path_factory):
    folder = tmp_path_factory.mktemp("xlm-classifier")
    save_xlm_classifier(folder)
    return folder


@pytest.mark.parametrize(("kind", "text", "rate", "labels"), LABELS)
def test_the_words_are_those_of_llmlingua(tiny_model, classifier, xlm_classifier, kind, text, rate, labels):
    folder = classifier if kind == "bert" else xlm_classifier
    compressor = build_compressor(f"llmlingua2:model={folder}")
    model = tiny_model("gpt2", 0)
    (ids,) = model.tokens.prompts([text])
    passage = read_passage(model.tokens, text, ids)
    kept = [word for word, label in zip(passage.words, labels, strict=True) if label == "1"]
    scores = compressor.score(model, passage, passage.words)
    best = sorted(range(len(scores)), key=lambda place: -scores[place])[: len(kept)]
    assert "".join("1" if place in best else "0" for place in range(len(scores))) == labels
    (found,) = compressor.compress(model, [text], Budget(sum(len(word.places) for word in kept)))
    decoded = model.tokens.tokenizer.decode(found.token_ids).removeprefix("Instruction:")
    assert decoded.split() == [word.word for word in kept]


def test_probabilities_are_those_of_the_classifiers_own_pass(classifier):
    reader = load_classifier(str(classifier), torch.device("cpu"))
    with torch.no_grad():
        logits = reader.model(**reader.tokenizer(PUNCTUATED, return_tensors="pt")).logits[0]
    expected = torch.exp(logits[:, 1]) / torch.exp(logits).sum(dim=1)
    found = keep_probabilities(reader, PUNCTUATED)
    assert [one.value for one in found] == pytest.approx(expected[1:-1].tolist(), abs=1e-6)
    pieces = [PUNCTUATED[one.start : one.end] for one in found]
    assert " ".join(pieces) == "repeat the first word , no cat ! say dog s twice ."


def test_a_long_text_is_read_in_chunks_up_to_their_last_stop(classifier):
    assert [list(part) for part in chunks([1, 9, 2, 3, 4, 5, 6, 7], 3, {9})] == [
        [1, 9],
        [2, 3, 4],
        [5, 6, 7],
    ]
    assert list(chunks([1, 2], 3, set())) == [[1, 2]]
    reader = load_classifier(str(classifier), torch.device("cpu"))
    sentence = "say the first words twice again yes ."
    alone = [one.value for one in keep_probabilities(reader, " ".join([sentence] * 6))]
    long = [one.value for one in keep_probabilities(reader, " ".join([sentence] * 13))]
    assert len(alone) == 54
    assert long[:54] == pytest.approx(alone, abs=1e-6), "six sentences fill 54 of 62 tokens"
    assert long[54:108] == pytest.approx(alone, abs=1e-6)


def test_positions_of_xlm_r_begin_behind_the_paddings(classifier, xlm_classifier, monkeypatch):
    bert, xlm = (
        load_classifier(str(folder), torch.device("cpu")) for folder in (classifier, xlm_classifier)
    )
    assert bert.model.config.max_position_embeddings == 64 != xlm.model.config.max_position_embeddings
    assert positions(bert.model) == positions(xlm.model) == 64
    text = " ".join(["say the first words twice again yes ."] * 13)
    expected = keep_probabilities(xlm, text)
    monkeypatch.setattr(xlm.tokenizer, "model_max_length", 10**30)
    assert keep_probabilities(xlm, text) == expected, "a tokenizer that states no limit"


@pytest.mark.parametrize("family", ["llama", "qwen2", "gpt2", "t5"])
def test_the_self_check_passes_and_refuses_exchanged_prompts(compressor, family):
    model, examples, half = random_model(family, gain=3.0), random_examples(count=6), Budget(share=0.5)
    check = check_cached_path(model, compressor, half, examples)
    assert max(check.loss_difference, check.decoded_difference) < 1e-4
    with exchanged_prompts(compressor), pytest.raises(InvalidRun):
        check_cached_path(model, compressor, half, examples)
