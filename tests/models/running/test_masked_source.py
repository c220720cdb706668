"""Prompts that an encoder ran once give what a whole pass gives, under every mask of input and decoder."""

from __future__ import annotations

import pytest
import torch
from random_models import random_examples, random_model

from gisteval.compressors.gist.gist import Gist
from gisteval.masks import MaskRule
from gisteval.models.running.masked_source import MaskedSource

EXAMPLES = random_examples(count=6)
RULES = [
    MaskRule("gist"),
    MaskRule("gist", 3),
    MaskRule("neg_control"),
    MaskRule("gist", 10**6, layers=frozenset({1}), elsewhere="gist"),
    MaskRule("gist", 10**6, heads=frozenset({0, 2}), elsewhere="gist"),
    MaskRule("neg_control", layers=frozenset({0}), elsewhere="gist"),
]


@pytest.mark.parametrize("family", ["t5", "umt5"])
def test_every_mask_gives_what_the_whole_pass_gives(family: str) -> None:
    model = random_model(family, torch.float64, k=2)
    prompts = Gist().prompts(model, [example.instruction for example in EXAMPLES])
    inputs = model.tokens.continuations([example.input for example in EXAMPLES])
    answers = model.tokens.targets([example.output for example in EXAMPLES])
    rows = MaskedSource(model, prompts, inputs, answers)
    pairs = [(RULES[0], RULES[0]), *zip(RULES, RULES[2:] + RULES[:2], strict=True), (RULES[5], RULES[0])]
    for rule, cross in [*pairs, pairs[0]]:  # the first once more: nothing of the others is left
        whole = model.predictions(prompts, inputs, answers, rule, cross)
        for ours, theirs in zip(rows.predictions(rule, cross), whole, strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-6)


def test_a_prompt_that_sees_its_input_is_refused() -> None:
    model = random_model("t5", k=1)
    rows = MaskedSource(model, [[5, 6]], [[7]], [[8]])
    for rule in (MaskRule("pos_control"), MaskRule("gist", layers=frozenset({1}))):
        with pytest.raises(ValueError, match="a prompt that sees its input has to run again with it"):
            rows.predictions(rule)
