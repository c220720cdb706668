"""Drift is exactly 0 for the same weights, and grows with the noise of an update."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from random_models import random_examples, random_model

from gisteval.compressors.gist.gist import Gist
from gisteval.diagnostics.divergence import FullPrompt
from gisteval.diagnostics.drift import drift, reading_stored
from gisteval.diagnostics.reading import Found, PromptReader
from gisteval.errors import GistevalError

EXAMPLES = random_examples(count=8)


def updated(noise: float) -> PromptReader:
    """A base that was updated by noise, as a share of each matrix's own size."""
    model: Any = random_model("llama", k=2)
    draw = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for weight in model.model.parameters():
            weight += noise * weight.std(correction=0) * torch.randn(weight.shape, generator=draw)
    return PromptReader(f"noise {noise}", model, Gist())


def drifted(noise: float) -> list[Found]:
    reader = updated(noise)
    full = FullPrompt(reader, EXAMPLES, 4)
    return [item for batch in drift(full, reading_stored(reader, updated(0.0))) for item in batch]


def mean(found: list[Found], metric: str) -> float:
    return float(np.mean([item.values[metric] for item in found]))


def test_it_grows_with_the_noise() -> None:
    by_noise = [drifted(noise) for noise in (0.0, 0.01, 0.1)]
    assert mean(by_noise[0], "kl") == 0.0
    assert mean(by_noise[0], "cosine") == pytest.approx(1.0)
    divergences = [mean(found, "kl") for found in by_noise]
    cosines = [mean(found, "cosine") for found in by_noise]
    assert divergences == sorted(divergences) and divergences[1] < 0.5 * divergences[2]
    assert cosines == sorted(cosines, reverse=True) and cosines[2] < 0.999


def test_states_of_another_shape_are_refused() -> None:
    other = PromptReader("small", random_model("llama", k=2, layers=2), Gist())
    with pytest.raises(GistevalError, match="can't read what small stored"):
        reading_stored(updated(0.0), other)
