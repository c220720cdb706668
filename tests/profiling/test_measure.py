"""Timed passes on tiny random models: what runs, what is kept, what is compared."""

from __future__ import annotations

import pytest
import torch

from gisteval.compressors.full import Full
from gisteval.compressors.gist import Gist
from gisteval.compressors.nothing import Empty
from gisteval.compressors.truncate import Truncate
from gisteval.errors import GistevalError
from gisteval.models.continuation import Continuation
from gisteval.profiling.accounts import work_of
from gisteval.profiling.closed_form import decode, forward
from gisteval.profiling.measure import profile_batch
from gisteval.profiling.passes import Way, inputs_of, lengths, prepare, timed_pass
from gisteval.profiling.shapes import describe_config
from gisteval.schema import Example

EXAMPLES = [
    Example(str(i), "t", "test", " ".join(["say the first word"] * (1 + i % 3)), "cats " * (i % 4), "yes")
    for i in range(9)
]


@pytest.fixture
def ways(tiny_model):
    """The four baselines and k = 1 and 3, on one llama."""
    plain = tiny_model("llama", 0).endless()
    return [
        Way("no cache", "no_cache", plain, None),
        Way("whole-prompt cache", "whole_cache", plain, Full()),
        Way("gist-1", "compressed", tiny_model("llama", 1).endless(), Gist()),
        Way("gist-3", "compressed", tiny_model("llama", 3).endless(), Gist()),
        Way("negative control", "negative", plain, Empty()),
    ]


def test_no_cache_is_one_pass_over_what_the_whole_cache_runs_in_two(ways):
    """Same logits, so what is timed as a baseline is the same computation."""
    logits = []
    for way in ways[:2]:
        running = way.model.run(prepare(way, EXAMPLES), inputs_of(way, EXAMPLES))
        logits.append(running.last_logits)
    assert float((logits[0] - logits[1]).abs().max()) < 1e-4


def test_lengths_and_bytes_are_those_of_the_prompts(ways):
    prompts = ways[0].model.tokens.prompts([e.instruction for e in EXAMPLES])
    texts = ways[0].model.tokens.continuations([e.input for e in EXAMPLES])
    for index, (prompt, text) in enumerate(zip(prompts, texts, strict=True)):
        none, whole, gist, _, negative = (lengths(way, EXAMPLES)[index] for way in ways)
        slot = ways[0].model.slot_bytes
        assert (none.compressed, none.cached, none.run) == (0, 0, len(prompt) + len(text))
        assert (whole.compressed, whole.cached, whole.run) == (len(prompt), len(prompt), len(text))
        assert (gist.compressed, gist.cached, gist.run) == (len(prompt) + 1, 1, len(text))
        assert (negative.compressed, negative.cached, negative.run) == (0, 0, len(text))
        assert (whole.stored_bytes, gist.stored_bytes) == (len(prompt) * slot, slot)


def test_a_pruned_prompt_is_run_again_at_each_use(tiny_model):
    way = Way("truncate", "compressed", tiny_model("llama", 0).endless(), Truncate(), 3)
    (found,) = lengths(way, EXAMPLES[:1])
    assert (found.compressed, found.cached) == (0, 0)
    assert found.run == 3 + len(inputs_of(way, EXAMPLES[:1])[0])


def test_every_row_decodes_the_asked_number_of_tokens(tiny_model, monkeypatch):
    model = tiny_model("llama", 1)
    way = Way("gist-1", "compressed", model.endless(), Gist())
    produced = []
    original = Continuation.decode

    def spy(self, count):
        produced.extend(original(self, count))
        return produced

    monkeypatch.setattr(Continuation, "decode", spy)
    timed_pass(way, EXAMPLES, 12)
    assert [len(row.token_ids) for row in produced] == [12] * len(EXAMPLES)
    assert model.end_ids != way.model.end_ids  # the model it was made from still stops


def test_a_profile_has_every_way_phase_and_both_differences(ways):
    found = profile_batch(ways, EXAMPLES, 2, 4, seconds=0.5)
    assert [timing.way.name for timing in found.timings] == [way.name for way in ways]
    assert [timing.compress is None for timing in found.timings] == [True, False, False, False, True]
    assert {(s.way, s.baseline, s.phase) for s in found.savings} == {
        (way, base, phase)
        for way in ("gist-1", "gist-3")
        for base in ("no cache", "whole-prompt cache")
        for phase in ("prefill", "end_to_end")
    }
    for timing in found.timings:
        assert 0 < timing.prefill.low <= timing.prefill.median <= timing.prefill.high
        assert timing.end_to_end.median > timing.prefill.median
        assert timing.prefill.n == found.rounds >= 4


def test_work_is_the_closed_form_of_the_lengths(ways):
    shape = describe_config("tiny", ways[0].model.model.config.to_dict())
    found = lengths(ways[2], EXAMPLES[:1])
    work = work_of(shape, found, steps=5)
    (one,) = found
    assert work.compress == forward(shape.closed, one.compressed, 0, logits=0).total
    assert work.prefill == forward(shape.closed, one.run, one.cached, logits=1).total
    assert work.decode == decode(shape.closed, one.run, one.cached, 5).total


def test_work_of_a_model_without_closed_form_is_counted(tiny_model):
    way = Way("gist-1", "compressed", tiny_model("gpt2", 1).endless(), Gist())
    shape = describe_config("tiny", way.model.model.config.to_dict())
    work = work_of(shape, lengths(way, EXAMPLES), steps=2)
    assert work.source.startswith("torch")
    assert work.compress > 0 and work.prefill > 0 and work.decode > 0


def test_what_cannot_be_measured_is_refused(ways):
    with pytest.raises(GistevalError, match="fill a batch of 10"):
        profile_batch(ways, EXAMPLES, 10, 4, 0.1)
    with pytest.raises(GistevalError, match="at least 2"):
        profile_batch(ways, EXAMPLES, 1, 1, 0.1)


def test_timing_leaves_the_weights_alone(ways):
    before = [weight.clone() for weight in ways[0].model.model.parameters()]
    timed_pass(ways[2], EXAMPLES, 3)
    after = list(ways[0].model.model.parameters())
    assert all(torch.equal(old, new) for old, new in zip(before, after, strict=True))
