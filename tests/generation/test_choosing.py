"""The most likely choice equals that of an uncached pass over prompt, input and choice."""

from __future__ import annotations

from dataclasses import replace

import torch
from random_models import random_examples, random_model

from gisteval.compressors.full import Full
from gisteval.generation.answering import Decoding, answer_all

CHOICES = ("(A)", "(B)", "(C)", "(D)")


def test_the_choice_is_the_one_of_the_highest_likelihood() -> None:
    model = random_model("llama", k=0)
    examples = [
        replace(example, output=CHOICES[0], choices="\n".join(CHOICES[: 2 + number % 3]))
        if number % 4
        else example
        for number, example in enumerate(random_examples(count=8))
    ]
    batches = answer_all(model, Full(), None, examples, Decoding(2, batch_size=3))
    chosen = {answer.example.id: answer.choice for batch in batches for answer in batch}
    for example in examples:
        choices = example.choices.split("\n") if example.choices else []
        losses = [_loss(model, example, choice) for choice in choices]
        expected = choices[losses.index(min(losses))] if choices else None
        assert chosen[example.id] == expected
    assert len({choice for choice in chosen.values() if choice}) > 1


def _loss(model, example, choice: str) -> float:
    """The stock model's loss over the choice's tokens, without the end token."""
    tokens = model.tokens
    head = tokens.prompts([example.instruction])[0] + tokens.continuations([example.input])[0]
    target = tokens.targets([choice])[0][:-1]
    ids = torch.tensor([[*head, *target]])
    with torch.no_grad():
        logits = model.model(input_ids=ids).logits[0, len(head) - 1 : -1].float()
    return float(torch.nn.functional.cross_entropy(logits, torch.tensor(target), reduction="sum"))
