"""Divergence equals what a stock model gives under a mask made by hand; without compression it is 0."""

from __future__ import annotations

import pytest
import torch
from random_models import random_examples, random_model

from gisteval.compressors.full import Full
from gisteval.compressors.gist.gist import Gist
from gisteval.compressors.spec import build_compressor
from gisteval.diagnostics.divergence import HORIZONS, FullPrompt, divergence
from gisteval.diagnostics.reading import Found, PromptReader
from gisteval.errors import GistevalError
from gisteval.records.budget import Budget

EXAMPLES = random_examples(count=7)
LIMIT = 6


def found_at(full: PromptReader, ours: PromptReader) -> dict[tuple[str, str], Found]:
    batches = divergence(FullPrompt(full, EXAMPLES, LIMIT), ours)
    return {(item.example.id, item.setting): item for batch in batches for item in batch}


def stock(network: torch.nn.Module, prompt: list[int], rest: list[int], hidden: int) -> torch.Tensor:
    """Logits of a stock pass in which what follows the prompt does not see its first `hidden` tokens."""
    ids = torch.tensor([prompt + rest])
    length = ids.shape[1]
    sees = torch.ones(length, length).tril().bool()
    sees[len(prompt) :, :hidden] = False
    mask = torch.zeros(1, 1, length, length).masked_fill(~sees, torch.finfo(torch.float32).min)
    with torch.no_grad():
        logits = network(input_ids=ids, attention_mask=mask, use_cache=False).logits[0]
    return logits.double().log_softmax(-1)


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_it_equals_a_stock_model(family: str) -> None:
    model = random_model(family, k=2)
    plain = model.with_gists(0, 0)
    found = found_at(PromptReader("full", plain, Full()), PromptReader("gist", model, Gist()))
    assert len(found) == 2 * len(EXAMPLES)
    for example in EXAMPLES:
        (prompt,) = model.tokens.prompts([example.instruction])
        (text,), (answer,) = (
            model.tokens.continuations([example.input]),
            model.tokens.targets([example.output]),
        )
        whole = stock(model.model, prompt, text + answer, 0)[len(prompt + text) - 1 : -1]
        gisted = stock(model.model, prompt + model.tokens.gists, text + answer, len(prompt))
        gisted = gisted[len(prompt + model.tokens.gists + text) - 1 : -1]
        kl = (whole.exp() * (whole - gisted)).sum(-1)
        delta = (whole - gisted).gather(-1, torch.tensor(answer)[:, None])[:, 0]
        item = found[example.id, "reference"]
        assert torch.allclose(torch.tensor(item.series["delta_nll"]).double(), delta, atol=1e-5, rtol=0)
        assert torch.allclose(torch.tensor(item.series["kl"]).double(), kl, atol=1e-5, rtol=0)
        for horizon in HORIZONS:
            assert item.values[f"delta_nll@{horizon}"] == pytest.approx(
                float(delta[:horizon].mean()), abs=1e-5
            )
        assert item.values["kl"] == pytest.approx(float(kl.mean()), abs=1e-5)


@pytest.mark.parametrize(
    ("family", "compressor"), [("llama", "full"), ("llama", "keydiff"), ("t5", "full")]
)
def test_what_keeps_everything_is_exactly_the_full_prompt(family: str, compressor: str) -> None:
    model = random_model(family, k=0)
    method = build_compressor(compressor)
    budget = Budget(share=1.0) if method.takes_budget else None
    full = PromptReader("full", model, Full())
    for item in found_at(full, PromptReader("all", model, method, budget)).values():
        assert item.values["kl"] == 0.0
        assert all(item.values[f"delta_nll@{horizon}"] == 0.0 for horizon in HORIZONS)
        assert item.values["top1"] == item.values["same_answer"] == 100.0


def test_own_answers_are_what_the_model_generates() -> None:
    model = random_model("llama", k=0)
    reader = PromptReader("full", model, Full())
    full = FullPrompt(reader, EXAMPLES, LIMIT)
    for number, batch in enumerate(full.batches):
        prompts = model.whole(model.tokens.prompts([example.instruction for example in batch]))
        decoded = model.open(prompts, [example.input for example in batch]).decode(LIMIT)
        for answer, read in zip(decoded, full.read(number)[1].answers, strict=True):
            body = read[:-1] if answer.finished or not answer.token_ids else read
            assert tuple(body) == answer.token_ids
            assert answer.finished == (read[-1] in model.end_ids)


def test_the_first_token_that_differs_is_counted() -> None:
    model = random_model("llama", k=1)
    full = PromptReader("full", model.with_gists(0, 0), Full())
    for item in found_at(full, PromptReader("gist", model, Gist())).values():
        length = len(item.series["kl"])
        assert 0 <= item.values["agreed"] <= length
        assert (item.values["same_answer"] == 100.0) == (item.values["agreed"] == length)
        assert item.values["top1"] >= 100.0 * item.values["agreed"] / length - 1e-9


def test_distances_are_of_tokens_that_the_prompt_holds() -> None:
    model = random_model("llama", k=0)
    full = PromptReader("full", model, Full())
    for (name, setting), item in found_at(full, full).items():
        example = EXAMPLES[int(name)]
        (prompt,) = model.tokens.prompts([example.instruction])
        (answer,) = model.tokens.targets([example.output])
        if setting == "reference":
            for token, distance in zip(answer, item.marks["distance"], strict=True):
                assert (distance is None) == (token not in prompt)
                assert distance is None or prompt[len(prompt) - int(distance)] == token


def test_other_tokens_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = random_model("llama", k=0), random_model("llama", k=0)
    full = FullPrompt(PromptReader("one", one, Full()), EXAMPLES[:2], LIMIT)
    monkeypatch.setattr(other.tokens, "targets", lambda texts: [[7] for _ in texts])
    with pytest.raises(GistevalError, match="one and other have different tokens"):
        next(divergence(full, PromptReader("other", other, Full())))
