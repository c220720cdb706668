"""Timed passes of one batch: what each way to serve runs, keeps and produces."""

from __future__ import annotations

import pytest
import torch
from serving_modes import EXAMPLES, lengths, serving_modes

from gisteval.compressors.gist.gist import Gist
from gisteval.compressors.pruning.truncate import Truncate
from gisteval.compressors.spec import build_compressor
from gisteval.models.running.continuation import Continuation
from gisteval.profiling.passes import (
    ServingMode,
    compress_parts,
    inputs_of,
    prepare,
    timed_pass,
)
from gisteval.records.budget import Budget


@pytest.fixture
def modes(tiny_model):
    return serving_modes(tiny_model)


def test_no_cache_is_one_pass_over_what_the_whole_cache_runs_in_two(modes):
    """Same logits, so what is timed as a baseline is the same computation."""
    logits = []
    for mode in modes[:2]:
        running = mode.model.run(prepare(mode, EXAMPLES), inputs_of(mode, EXAMPLES))
        logits.append(running.last_logits)
    assert float((logits[0] - logits[1]).abs().max()) < 1e-4


def test_lengths_and_bytes_are_those_of_the_prompts(modes):
    prompts = modes[0].model.tokens.prompts([e.instruction for e in EXAMPLES])
    texts = modes[0].model.tokens.continuations([e.input for e in EXAMPLES])
    for index, (prompt, text) in enumerate(zip(prompts, texts, strict=True)):
        none, whole, gist, _, negative = (lengths(mode, EXAMPLES)[index] for mode in modes)
        slot = modes[0].model.slot_bytes
        assert (none.compressed, none.cached, none.run) == (0, 0, len(prompt) + len(text))
        assert (whole.compressed, whole.cached, whole.run) == (len(prompt), len(prompt), len(text))
        assert (gist.compressed, gist.cached, gist.run) == (len(prompt) + 1, 1, len(text))
        assert (negative.compressed, negative.cached, negative.run) == (0, 0, len(text))
        assert (whole.stored_bytes, gist.stored_bytes) == (len(prompt) * slot, slot)


def test_a_pruned_prompt_is_run_again_at_each_use(tiny_model):
    model = tiny_model("llama", 0).endless()
    mode = ServingMode("truncate", "compressed", model, Truncate(), Budget(slots=3))
    (found,) = lengths(mode, EXAMPLES[:1])
    assert (found.compressed, found.cached) == (0, 0)
    (prompt,) = mode.model.tokens.prompts([EXAMPLES[0].instruction])
    template = sum(mode.model.tokens.template_ends(prompt))
    assert found.run == template + 3 + len(inputs_of(mode, EXAMPLES[:1])[0])


def test_every_row_decodes_the_asked_number_of_tokens(tiny_model, monkeypatch):
    model = tiny_model("llama", 1)
    mode = ServingMode("gist-1", "compressed", model.endless(), Gist())
    produced = []
    original = Continuation.decode

    def spy(self, count):
        produced.extend(original(self, count))
        return produced

    monkeypatch.setattr(Continuation, "decode", spy)
    timed_pass(mode, EXAMPLES, 12)
    assert [len(row.token_ids) for row in produced] == [12] * len(EXAMPLES)
    assert model.end_ids != mode.model.end_ids  # the model it was made from still stops


def test_timing_leaves_the_weights_alone(modes):
    before = [weight.clone() for weight in modes[0].model.model.parameters()]
    timed_pass(modes[2], EXAMPLES, 3)
    after = list(modes[0].model.model.parameters())
    assert all(torch.equal(old, new) for old, new in zip(before, after, strict=True))


def test_an_oracle_compresses_at_each_use(tiny_model):
    model = tiny_model("llama", 0).endless()
    mode = ServingMode("oracle", "oracle", model, build_compressor("snapkv@query"), Budget(slots=3))
    found = timed_pass(mode, EXAMPLES[:2], 2)
    assert found.compress == 0.0 and found.end_to_end == found.prefill + found.decode
    for example, one in zip(EXAMPLES, found.lengths, strict=False):
        (prompt,), (text,) = model.tokens.prompts([example.instruction]), inputs_of(mode, [example])
        assert (one.compressed, one.again) == (0, len(prompt) + len(text))
        assert (one.cached, one.run) == (3, len(text))


def test_parts_of_compressing_are_the_whole_of_it(modes):
    assert set(compress_parts(modes[2], EXAMPLES[:2])) == {"pass"}
    mode = ServingMode("knorm", "compressed", modes[0].model, build_compressor("knorm"), Budget(slots=3))
    parts = compress_parts(mode, EXAMPLES[:2])
    assert set(parts) == {"pass", "scoring", "selection"} and min(parts.values()) > 0
