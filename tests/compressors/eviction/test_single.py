"""The same slots in every layer and head, those of the best mean score."""

from __future__ import annotations

import pytest
import torch
from random_models import random_examples, random_model

from gisteval.compressors.eviction.keydiff import KeyDiff
from gisteval.compressors.spec import build_compressor
from gisteval.errors import GistevalError
from gisteval.records.budget import Budget


def test_the_slots_are_those_of_the_best_mean_over_all_layers_and_heads():
    model = random_model("llama", gain=3.0)
    texts = [example.instruction for example in random_examples(count=4)]
    texts.append(texts[0])  # a prompt that stands twice in a batch counts once
    found = build_compressor("keydiff+single").compress(model, texts, Budget(slots=3))
    for text, prefix in zip(texts, found, strict=True):
        (prompt,) = KeyDiff().prompts(model, [text])
        layers = scores_of(model, prompt)
        best = sorted(torch.cat(layers).double().mean(0).topk(3).indices.tolist())
        heads = torch.cat([prefix.positions(layer) for layer in range(len(prefix.layers))])
        assert heads.tolist() == [best] * len(heads)
        assert prefix.accounting.kept == 3


def scores_of(model, prompt) -> list[torch.Tensor]:
    """The scores of each layer, (kv heads, tokens)."""
    found = []
    model.observe([prompt], lambda view: found.append(KeyDiff().scores(view)[0]))
    return found


def test_it_goes_around_evictors_alone():
    with pytest.raises(GistevalError, match=r"tfidf\+single makes no sense: tfidf is no evictor"):
        build_compressor("tfidf+single")
