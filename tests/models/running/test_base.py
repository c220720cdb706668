"""What every model does alike: accounts of what is kept, ends of answers, examples that fit."""

from __future__ import annotations

import pytest
import torch
from random_models import random_examples, random_model

from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import Accounting


@pytest.fixture(scope="module")
def model() -> PromptModel:
    return random_model("llama", k=2)


def test_both_accounts_of_the_same_slots_agree(model) -> None:
    """The last slots of a prompt, counted at once, and as what each head of each layer chose."""
    (prompt,) = model.tokens.prompts(["say no"])
    prompt = [*prompt, *model.tokens.gists]
    places = model.template_places(prompt)
    own = len(model.tokens.tokenizer("say no", add_special_tokens=False)["input_ids"])
    assert places.count(False) == own + 2 and not any(places[-2:]) and places[0]
    for kept in range(len(prompt) + 1):
        last = torch.arange(len(prompt) - kept, len(prompt)) + 7
        found = model.account_selected(prompt, (last.expand(2, -1),) * 3, 64, start=7)
        whole = model.account(prompt, kept, 64)
        assert found == whole == Accounting(len(prompt) - 2, sum(places), kept, 64)
        assert found.kept_template == whole.kept_template == sum(places[len(prompt) - kept :])


def test_heads_that_keep_different_numbers_count_by_their_rounded_mean(model) -> None:
    (prompt,) = model.tokens.prompts(["say no"])
    kept = (torch.tensor([[0, 1, 2], [0, -1, -1]]), torch.tensor([[1, 2, -1], [4, 5, 6]]))
    found = model.account_selected(prompt, kept, 8)
    template = model.template_places(prompt)
    shares = [sum(template[i] for i in head if i >= 0) for layer in kept for head in layer.tolist()]
    assert found.kept == 2  # (3 + 1 + 2 + 3) / 4 = 2.25
    assert found.kept_template == int(sum(shares) / 4 + 0.5)


def test_an_endless_copy_goes_on_where_its_original_stops(model) -> None:
    texts = [example.instruction for example in random_examples(count=4)]
    prompts = model.whole(model.tokens.prompts(texts))
    stopping = model.open(prompts, [""] * 4).decode(20)
    endless = model.endless().open(prompts, [""] * 4).decode(20)
    assert {len(answer.token_ids) for answer in endless} == {20}
    assert min(len(answer.token_ids) for answer in stopping) < 20
    for short, long in zip(stopping, endless, strict=True):
        assert long.token_ids[: len(short.token_ids)] == short.token_ids


def test_what_fits_fits_with_its_gists_up_to_the_last_token(model) -> None:
    examples = random_examples(count=6)
    lengths = model.tokens.lengths(examples)
    taken = {e: sum(parts) + 2 for e, parts in zip(examples, lengths, strict=True)}
    room = sorted(taken.values())[3]
    small = model.with_gists(2, 0)
    small.context = room
    assert small.fitting(examples) == [e for e in examples if taken[e] <= room]
    prompts = [prompt + 2 for prompt, _, _ in lengths]
    assert small.fitting(examples, prompts) == small.fitting(examples)
    assert len(small.fitting(examples, [0] * 6)) > len(small.fitting(examples))
