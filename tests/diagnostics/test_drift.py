"""Drift is exactly 0 for the same weights, and grows with the noise of an update."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from observations import observation_of
from random_models import random_examples, random_model

from gisteval.compressors.gist.gist import Gist
from gisteval.content import find_content
from gisteval.diagnostics.divergence import FullPrompt
from gisteval.diagnostics.drift import drift, reading_stored
from gisteval.diagnostics.reading import Found, PromptReader
from gisteval.errors import GistevalError
from gisteval.gate.stored_gists import stored_gists_verdicts
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.models.checkpoints.loading import load_placed
from gisteval.models.checkpoints.placement import choose_placement
from gisteval.records.diagnosis import Observation
from gisteval.tasks import load_task

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


@pytest.fixture(scope="module")
def load() -> Callable[[str], Any]:
    placement = choose_placement("cpu", "auto", None, None)
    folder = find_content("checkpoints") / "wordplay-llama"
    return lambda name: load_placed(inspect_checkpoint(folder / name), placement)


HUMAN = tuple(load_task("wordplay").examples("human"))[:120]


def of_a_demo(reader: PromptReader, writer: PromptReader) -> list[Observation]:
    """The reader behind the writer's gists, on the references."""
    found = drift(FullPrompt(reader, HUMAN, 8), reading_stored(reader, writer))
    return [
        observation_of(item, "drift", writer.name, reference=reader.name)
        for batch in found
        for item in batch
        if item.setting == "reference"
    ]


def test_gists_of_another_training_are_flagged_and_a_copy_s_are_not(load: Callable[[str], Any]) -> None:
    writer = PromptReader("gist-1", load("gist-1"), Gist())
    states = {}
    for name in ("gist-1", "gist-2"):
        (verdict,) = stored_gists_verdicts([of_a_demo(PromptReader(name, load(name), Gist()), writer)])
        states[name] = (verdict.state, verdict.brief)
    assert states == {"gist-1": ("ok", "PASS"), "gist-2": ("fault", "FAIL")}


def test_the_drift_of_a_demo_checkpoint_grows_with_the_noise(load: Callable[[str], Any]) -> None:
    writer = PromptReader("gist-1", load("gist-1"), Gist())
    divergences, cosines = [], []
    for noise in (0.0, 0.1, 0.3):
        model, draw = load("gist-1"), torch.Generator().manual_seed(5)
        with torch.no_grad():
            for weight in model.model.parameters():
                weight += noise * weight.std(correction=0) * torch.randn(weight.shape, generator=draw)
        found = of_a_demo(PromptReader(f"noise {noise}", model, Gist()), writer)
        divergences.append(np.mean([item.values["kl"] for item in found]))
        cosines.append(np.mean([item.values["cosine"] for item in found]))
    assert divergences[0] == 0.0 < 0.005 < divergences[1] < 0.5 * divergences[2]
    assert cosines[0] == pytest.approx(1.0) and 1.0 > cosines[1] > cosines[2]
