"""Prompts that run once give what a whole pass over prompt and continuation gives, under every mask."""

from __future__ import annotations

import pytest
import torch
from random_models import random_examples, random_model

from gisteval.compressors.gist.gist import Gist
from gisteval.masks import MaskRule
from gisteval.models.running.masked_rows import MaskedRows

EXAMPLES = random_examples(count=6)
RULES = [
    MaskRule("gist"),
    MaskRule("gist", 3),
    MaskRule("pos_control"),
    MaskRule("neg_control"),
    MaskRule("gist", layers=frozenset({1})),
    MaskRule("gist", heads=frozenset({0, 2})),
    MaskRule("neg_control", layers=frozenset({0, 2}), elsewhere="gist"),
]


@pytest.mark.parametrize("family", ["llama", "mistral", "gpt2", "bloom"])
def test_every_mask_gives_what_the_whole_pass_gives(family: str) -> None:
    model = random_model(family, k=2)
    prompts = Gist().prompts(model, [example.instruction for example in EXAMPLES])
    inputs = model.tokens.continuations([example.input for example in EXAMPLES])
    answers = model.tokens.targets([example.output for example in EXAMPLES])
    rows = MaskedRows(model, prompts, inputs, answers)
    rules = [rule for rule in RULES if family != "bloom" or rule.heads is None]
    for rule in [*rules, rules[0]]:  # the first mask once more: nothing of the others is left
        whole = model.predictions(prompts, inputs, answers, rule)
        for ours, theirs in zip(rows.predictions(rule), whole, strict=True):
            torch.testing.assert_close(ours, theirs, atol=3e-4, rtol=1e-4)
