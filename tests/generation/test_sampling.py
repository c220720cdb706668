"""Drawn answers: their distribution, and that nothing but what is asked decides them."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest
import torch
from scipy.stats import chisquare

from gisteval.compressors.full import Full
from gisteval.compressors.gist.gist import Gist
from gisteval.generation.answering import Decoding, answer_all
from gisteval.generation.sampling import Sampling, draw
from gisteval.records.samples import sampled
from gisteval.records.schema import Example

EXAMPLES = [
    Example(f"e{n}", "tiny", "test", f"say {'the ' * (n % 4)}word", "cats " * (n % 3) + str(n), "yes")
    for n in range(7)
]


def outputs(
    model, examples, sampling, batch_size=None, done=frozenset()
) -> dict[tuple[str, int | None], str]:
    decoding = Decoding(5, batch_size, with_loss=False, sampling=sampling)
    return {
        (answer.example.id, answer.example.sample): answer.output
        for batch in answer_all(model, Gist(), None, examples, decoding, done)
        for answer in batch
    }


def test_frequencies_agree_with_the_softmax_of_a_model(tiny_model) -> None:
    model = tiny_model("llama", 1)
    (prompt,) = Full().compress(model, [EXAMPLES[1].instruction], None)
    logits = model.open([prompt], [EXAMPLES[1].input]).last_logits[0].clone()
    logits[model.suppressed_ids] = -torch.inf
    temperature = 20.0  # the tiny model is nearly sure of its tokens
    expected = (logits / temperature).softmax(-1)
    draws = 4000
    asked = list(sampled(EXAMPLES[1:2], draws))
    rows = torch.arange(draws)
    chosen = Sampling(temperature, 3).pick(asked)(rows, logits.expand(draws, -1), 0)
    counts = torch.bincount(chosen, minlength=len(logits)).double()
    possible = expected > 0.0
    assert not counts[~possible].any() and not possible[model.suppressed_ids].any()
    wanted = (expected[possible].double() * draws).tolist()
    assert len(wanted) > 100 and min(wanted) >= 5.0
    scale = draws / sum(wanted)
    found = chisquare(counts[possible].tolist(), [value * scale for value in wanted])
    assert found.pvalue > 0.01


def test_the_first_token_of_answers_is_drawn_from_the_model(tiny_model) -> None:
    """The whole path: what `answer_all` decodes first has the distribution of the model's own logits."""
    model = tiny_model("llama", 1)
    (prompt,) = Full().compress(model, [EXAMPLES[1].instruction], None)
    logits = model.open([prompt], [EXAMPLES[1].input]).last_logits[0].clone()
    logits[model.suppressed_ids] = -torch.inf
    shares = (logits / 12.0).softmax(-1)
    decoding = Decoding(1, 64, with_loss=False, sampling=Sampling(12.0))
    draws = 1000
    found: Counter[str] = Counter()
    for batch in answer_all(model, Full(), None, list(sampled(EXAMPLES[1:2], draws)), decoding):
        found.update(answer.output if answer.output_tokens else "(end)" for answer in batch)
    expected: Counter[str] = Counter()
    for token, share in enumerate(shares.tolist()):
        expected["(end)" if token in model.end_ids else model.tokens.decode([token])] += share
    common = [text for text, share in expected.items() if share * draws >= 5]
    rest = draws - sum(found[text] for text in common)
    observed = [found[text] for text in common] + [rest]
    wanted = [expected[text] * draws for text in common]
    wanted += [draws - sum(wanted)]
    kept = [place for place, value in enumerate(wanted) if value > 1e-6]
    assert len(kept) > 3
    assert chisquare([observed[p] for p in kept], [wanted[p] for p in kept]).pvalue > 0.01


@pytest.mark.parametrize("name", ["llama", "gpt2", "t5"])
def test_a_temperature_near_0_is_greedy(tiny_model, name: str) -> None:
    model = tiny_model(name, 1)
    drawn = outputs(model, list(sampled(EXAMPLES, 2)), Sampling(1e-6))
    greedy = outputs(model, EXAMPLES, None)
    assert {key[0]: text for key, text in drawn.items() if key[1] == 1} == {
        key[0]: text for key, text in greedy.items()
    }


@pytest.mark.parametrize("name", ["llama", "t5"])
def test_answers_do_not_depend_on_batch_order_or_what_is_known(tiny_model, name: str) -> None:
    model, sampling = tiny_model(name, 1), Sampling(15.0, 7)
    asked = list(sampled(EXAMPLES, 3))
    expected = outputs(model, asked, sampling, 1)
    assert len(set(expected.values())) > 12
    assert outputs(model, asked, sampling, 4) == expected
    assert outputs(model, asked, sampling) == expected
    assert outputs(model, random.Random(1).sample(asked, len(asked)), sampling, 5) == expected
    resumed = outputs(model, asked, sampling, 4, frozenset(range(0, 21, 2)) | frozenset(range(8)))
    assert resumed.items() <= expected.items() and len(resumed) < len(expected)
    more = outputs(model, list(sampled(EXAMPLES, 5)), sampling, 4)
    assert more.items() >= expected.items()


def test_what_decides_a_draw() -> None:
    one, another = sampled(EXAMPLES[:1], 2)
    drawn = {
        Sampling(1.0, seed).uniform(e.answer_id, step)
        for seed in (0, 1)
        for e in (one, another)
        for step in (0, 1)
    }
    assert len(drawn) == 8 and all(0.0 <= number < 1.0 for number in drawn)
    renamed = replace(one, id="other", split="another", task="elsewhere")
    assert renamed.answer_id == one.answer_id == EXAMPLES[0].content_id


def test_tokens_without_a_chance_are_never_drawn() -> None:
    logits = torch.tensor([[-torch.inf, 0.0, -torch.inf, 1.0, -torch.inf]])
    ends = torch.tensor([0.0, 1.0 - 2.0**-52], dtype=torch.float64)
    assert draw(logits.expand(2, -1), 0.7, ends).tolist() == [1, 3]
    assert draw(logits.expand(2, -1), 1e-300, ends).tolist() == [3, 3]


def test_rows_without_a_distribution_give_the_token_that_is_none() -> None:
    logits = torch.tensor([[0.0, torch.nan, 1.0], [0.0, 1.0, torch.inf], [5.0, 0.0, 0.0]])
    assert draw(logits, 0.01, torch.full((3,), 0.5, dtype=torch.float64)).tolist() == [1, 2, 0]


def test_large_vocabularies_are_drawn_from_in_pieces(monkeypatch) -> None:
    logits = torch.randn(9, 50, generator=torch.Generator().manual_seed(0))
    numbers = torch.rand(9, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    whole = draw(logits, 1.3, numbers).tolist()
    monkeypatch.setattr("gisteval.generation.sampling.PIECE", 100)
    assert draw(logits, 1.3, numbers).tolist() == whole
    assert len(set(whole)) > 3
