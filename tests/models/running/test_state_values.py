"""Values of compressed prompts, layer by layer, and the rank of their differences."""

from __future__ import annotations

import pytest
import torch
from random_models import random_examples, random_model

from gisteval.compressors.gist.gist import Gist
from gisteval.models.running.compressed import Accounting, Nothing
from gisteval.models.running.state_values import effective_rank, layer_values, state_of


def test_the_effective_rank_of_known_spectra() -> None:
    assert effective_rank(torch.zeros(4, 3, dtype=torch.float64)) == 0.0
    assert effective_rank(torch.eye(5, dtype=torch.float64)) == pytest.approx(5.0)
    one = torch.outer(torch.arange(4.0), torch.ones(6)).double()
    assert effective_rank(one) == pytest.approx(1.0)
    # Shares 0.8 and 0.2 of the energy: exp(-(0.8 ln 0.8 + 0.2 ln 0.2)).
    two = torch.diag(torch.tensor([0.8, 0.2]).sqrt()).double()
    assert effective_rank(two) == pytest.approx(1.6493848, abs=1e-6)


def test_values_are_those_that_a_prompt_stores() -> None:
    model = random_model("llama", k=2)
    texts = [example.instruction for example in random_examples(count=3)]
    prompts = Gist().compress(model, texts, None)
    layers = layer_values(prompts)
    assert layers is not None and len(layers) == model.num_layers
    stored = state_of(prompts[1])
    assert stored is not None
    assert torch.equal(layers[2][1], stored.layers[2][1].flatten().double())
    assert layer_values([*prompts, *Gist().compress(model.with_gists(1, 0), texts[:1], None)]) is None


def test_what_stores_no_states_has_no_values() -> None:
    nothing = Nothing(0, Accounting(3, 0, 0, 0, 0))
    assert state_of(nothing) is None and layer_values([nothing]) is None
