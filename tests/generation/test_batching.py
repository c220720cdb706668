"""Batches that fit: what a row takes is what is really allocated."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from family_check import family_tokens
from tiny_families import Family, tiny_model
from torch.profiler import ProfilerActivity, profile

from gisteval.generation import batching
from gisteval.generation.batching import auto_rows, fitting_batches, length_groups
from gisteval.models.running import decoder, prefill
from gisteval.models.running.decoder import DecoderModel

LENGTH = 96


def model_of(name: str, attention: str = "sdpa", **settings: Any) -> DecoderModel:
    network: Any = tiny_model(Family(name, name, settings))
    network.set_attn_implementation(attention)
    return DecoderModel(network, family_tokens())


def peak(model: DecoderModel, rows: int) -> int:
    """Most bytes that are allocated at a time while prompts are encoded, beside the results."""
    prompts = torch.randint(10, 250, (rows, LENGTH), generator=torch.Generator().manual_seed(0)).tolist()
    model.encode(prompts)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        kept = model.encode(prompts)
    changes = [
        event.nbytes() for event in found.profiler.kineto_results.events() if event.name() == "[memory]"
    ]
    now = most = 0
    for change in changes:
        now += change
        most = max(most, now)
    return most - sum(prefix.accounting.bytes for prefix in kept)


@pytest.mark.parametrize(
    ("name", "attention", "unmasked"),
    [("llama", "sdpa", False), ("llama", "sdpa", True), ("llama", "eager", False), ("gpt2", "sdpa", False)],
)
@pytest.mark.parametrize("chunk", [LENGTH, LENGTH // 4])
def test_a_rows_bytes_are_what_a_pass_allocates(name, attention, unmasked, chunk, monkeypatch) -> None:
    """By torch's own count, within a factor of two: activations of a block come on top."""
    if unmasked:
        monkeypatch.setattr(decoder, "UNMASKED_FROM", LENGTH - 1)
    for module in (decoder, prefill):
        monkeypatch.setattr(module, "CHUNK", chunk)
    model = model_of(name, attention)
    measured = (peak(model, 12) - peak(model, 4)) / 8
    assert measured / 2 <= model.row_bytes(LENGTH) <= 2 * measured


def test_long_rows_are_counted_as_they_run_without_a_mask_or_in_chunks() -> None:
    sdpa, eager = model_of("llama", max_position_embeddings=9000), model_of("llama", "eager")
    assert sdpa.row_bytes(8192) < 10 * sdpa.row_bytes(1024)
    assert sdpa.row_bytes(8192, 8192) > 8192**2 * 4
    assert eager.row_bytes(8192, 8192) > 8192**2 * 4 * 4
    assert 1024 * 8192 * 4 * 4 < eager.row_bytes(8192) < 10 * eager.row_bytes(1024)
    assert sdpa.row_bytes(8192, 1) < 8192 * (sdpa.slot_bytes + 4 * 8 * 4 * 4 + 8)


def test_rows_are_as_many_as_fit(monkeypatch) -> None:
    model = model_of("llama")
    monkeypatch.setattr(batching, "BATCH_BYTES", 5 * model.row_bytes(50, 10))
    assert auto_rows(model, 50, 10) == 5
    assert auto_rows(model, 50) < 5
    assert auto_rows(model, 5000) == 1
    cut = fitting_batches(model, [50] * 12, lambda n: n, lambda n: 10, None)
    assert [len(batch) for batch in cut] == [5, 5, 2]
    cut = fitting_batches(model, [50] * 12, lambda n: n, lambda n: 10, 8)
    assert [len(batch) for batch in cut] == [8, 4]
    monkeypatch.setattr(batching, "BATCH_BYTES", 5 * model.row_bytes(50))
    groups = list(length_groups(model, {f"text {n}": 50 for n in range(12)}))
    assert [len(group) for group in groups] == [5, 5, 2]
