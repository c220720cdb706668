"""One prefill for loss and decoding: no trace of the loss, rows that come and go, limits of the context."""

from __future__ import annotations

import copy

import pytest
import torch

from gisteval.compressors.full import Full
from gisteval.compressors.gist.gist import Gist
from gisteval.masks import MaskRule
from gisteval.models.running import continuation
from gisteval.models.running.base import PromptModel
from gisteval.models.running.decoder import DecoderModel

INSTRUCTIONS = ["say", "say the first word twice or maybe no " * 3, "repeat yes", "no maybe worlds"]
INPUTS = ["cats, dogs and worlds", "", "dogs " * 12, "a"]
OUTPUTS = ["yes no maybe", "no", "m", "worlds and cats and dogs again"]


def opened(model, rows=slice(None)):
    compressed = Gist().compress(model, INSTRUCTIONS, None)
    return model.open(compressed[rows], INPUTS[rows])


@pytest.fixture
def eager_to_end(tiny_model):
    """Makes a fresh model for which a third of the vocabulary ends an answer."""

    def make(name: str, k: int = 1) -> PromptModel:
        model = copy.copy(tiny_model(name, k))
        model.end_ids = set(range(0, 300, 3))
        return model

    return make


@pytest.mark.parametrize("name", ["llama", "gpt2", "t5"])
def test_scoring_leaves_no_trace_in_the_decoding(tiny_model, name):
    model = tiny_model(name, 3)
    targets = model.tokens.targets(OUTPUTS)
    running = opened(model)
    once, twice = running.nll(targets), running.nll(targets)
    assert all(torch.equal(one, other) for one, other in zip(once, twice, strict=True))
    assert running.decode(9) == opened(model).decode(9)


@pytest.mark.parametrize("name", ["llama", "t5"])
@pytest.mark.parametrize("columns", [1, 2, 5])
def test_scoring_in_pieces_equals_scoring_at_once(tiny_model, monkeypatch, name, columns):
    model = tiny_model(name, 1)
    targets = model.tokens.targets(OUTPUTS)
    assert max(map(len, targets)) > 6
    whole = opened(model).nll(targets)
    vocabulary = model.model.config.vocab_size
    monkeypatch.setattr(continuation, "LOGIT_BYTES", columns * 4 * len(OUTPUTS) * vocabulary)
    running = opened(model)
    forwards = []
    forward = running._forward
    running._forward = lambda ids, *rest, **options: (
        forwards.append(ids.shape[1]) or forward(ids, *rest, **options)
    )
    pieces = running.nll(targets)
    assert sum(forwards) == max(map(len, targets)) - 1
    assert max(forwards) == columns
    for one, other in zip(whole, pieces, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_targets_of_one_token_need_no_forward_pass(tiny_model):
    model = tiny_model("llama", 1)
    running = opened(model)
    log_probabilities = running.last_logits.log_softmax(-1)
    losses = running.nll([[5]] * 4)
    assert [loss.shape for loss in losses] == [(1,)] * 4
    assert torch.allclose(torch.cat(losses), -log_probabilities[:, 5])


def test_loss_of_a_row_does_not_depend_on_longer_targets_beside_it(tiny_model):
    model = tiny_model("gpt2", 1)
    together = opened(model).nll(model.tokens.targets(OUTPUTS))
    for row in range(4):
        alone = opened(model, slice(row, row + 1)).nll(model.tokens.targets(OUTPUTS[row : row + 1]))
        assert torch.allclose(together[row], alone[0], atol=1e-5)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("name", ["llama", "qwen2", "t5"])
def test_rows_that_finish_early_change_nothing_for_the_others(eager_to_end, monkeypatch, name, share):
    """share: how full of running rows the batch may be before the finished ones leave it."""
    model = eager_to_end(name)
    alone = [opened(model, slice(row, row + 1)).decode(12)[0] for row in range(4)]
    lengths = [len(row.token_ids) for row in alone]
    assert len(set(lengths)) > 2
    dropped = []
    keep_rows = continuation.GrowingCache.keep_rows
    monkeypatch.setattr(
        continuation.GrowingCache,
        "keep_rows",
        lambda cache, rows: dropped.append(len(rows)) or keep_rows(cache, rows),
    )
    monkeypatch.setattr(continuation, "SHRINK_AT", share)
    assert opened(model).decode(12) == alone
    assert bool(dropped) == (share > 0)


def test_a_finished_row_equals_the_whole_answer_cut_at_its_first_end(eager_to_end, uncached_greedy):
    model = eager_to_end("llama")
    prompts = Gist().prompts(model, INSTRUCTIONS)
    continuations = model.tokens.continuations(INPUTS)
    expected = uncached_greedy(model, prompts, continuations, MaskRule("gist"), 12)
    for row, tokens in zip(opened(model).decode(12), expected, strict=True):
        finished = tokens[-1] in model.end_ids
        assert row.finished == finished
        assert list(row.token_ids) == (tokens[:-1] if finished else tokens)


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_decoding_stops_at_the_limit_asked_for(tiny_model, limit):
    model = tiny_model("llama", 1)
    longer = opened(model).decode(5)
    decoded = opened(model).decode(limit)
    assert [row.token_ids for row in decoded] == [row.token_ids[:limit] for row in longer]
    assert not any(row.finished for row in decoded)


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_decoding_stops_where_the_context_ends(tiny_model, uncached_greedy, name):
    """A row may use every position of the context, and the token after the last one is free."""
    model = DecoderModel(tiny_model(name, 1).model, tiny_model(name, 1).tokens)
    model.end_ids = set()
    prompts = Full().prompts(model, INSTRUCTIONS)
    continuations = model.tokens.continuations(INPUTS)
    used = [len(p) + len(x) for p, x in zip(prompts, continuations, strict=True)]
    model.context = max(used) + 2
    decoded = model.open(Full().compress(model, INSTRUCTIONS, None), INPUTS).decode(6)
    assert [len(row.token_ids) for row in decoded] == [min(6, model.context - n + 1) for n in used]
    assert min(len(row.token_ids) for row in decoded) == 3
    assert not any(row.finished for row in decoded)
    expected = uncached_greedy(model, prompts, continuations, MaskRule("pos_control"), 6)
    for row, tokens in zip(decoded, expected, strict=True):
        assert list(row.token_ids) == tokens[: len(row.token_ids)]


def test_learned_positions_may_be_used_up_to_the_last_one(tiny_model):
    """GPT-2 has a table of 256 positions: no row may index behind it, whatever its neighbours do."""
    model = tiny_model("gpt2", 1)
    prompts = [[5] * 20, [5] * 230]
    compressed = model.encode(prompts, None)
    # The long row has 256 - 230 - 4 positions left, the short row's target needs more columns.
    targets = [[7] * 60, [7] * 10]
    running = model.run(compressed, [[9] * 4] * 2)
    losses = running.nll(targets)
    decoded = running.decode(40)
    assert len(decoded[1].token_ids) <= 256 - 234 + 1
    alone = model.run(compressed[1:], [[9] * 4])
    assert torch.allclose(losses[1], alone.nll(targets[1:])[0], atol=1e-5)
    assert alone.decode(40) == decoded[1:]


def test_gist_and_padding_are_never_produced(tiny_model):
    model = tiny_model("llama", 1)
    unwanted = [model.tokens.gist_id, model.tokens.tokenizer.pad_token_id]

    def prefer_them(module, args, output):
        output.logits[..., unwanted] = 1e4

    hook = model.model.register_forward_hook(prefer_them)
    try:
        running = opened(model)
        assert set(running.last_logits.argmax(-1).tolist()) <= set(unwanted)
        decoded = running.decode(4)
    finally:
        hook.remove()
    assert all(len(row.token_ids) == 4 for row in decoded)
    assert not any(set(unwanted) & set(row.token_ids) for row in decoded)


def test_a_padding_token_that_is_the_end_token_still_ends_an_answer(tiny_network, tiny_model):
    """Many checkpoints pad with their end token: it must not be suppressed."""
    tokens = copy.copy(tiny_model("llama", 1).tokens)
    tokens.tokenizer = copy.deepcopy(tokens.tokenizer)
    tokens.tokenizer.pad_token = tokens.tokenizer.eos_token
    model = DecoderModel(tiny_network("llama"), tokens)
    assert model.end_ids == {tokens.tokenizer.eos_token_id}
    assert model.suppressed_ids == [tokens.gist_id]


def test_every_end_token_of_the_generation_settings_ends_an_answer(tiny_network, tiny_model):
    network, tokens = tiny_network("llama"), tiny_model("llama", 1).tokens
    network.generation_config.eos_token_id = [7, 9]
    assert DecoderModel(network, tokens).end_ids == {7, 9, tokens.tokenizer.eos_token_id}


def test_losses_of_a_large_vocabulary_are_those_of_float64():
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(2, 5, 50_000, generator=generator)
    targets = torch.randint(50_000, (2, 5), generator=generator)
    exact = -logits.double().log_softmax(-1).gather(2, targets[..., None])[..., 0]
    assert (continuation._losses(logits, targets) - exact).abs().max() < 5e-6
