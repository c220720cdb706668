"""What gisteval asks of every compressor, on a small checkpoint that it bundles."""

from __future__ import annotations

import pytest
import torch
from gisteval.content import find_content
from gisteval.errors import GistevalError
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.models.checkpoints.loading import load_model
from gisteval.records.budget import Budget
from gisteval_$name import $title

PROMPTS = ["say the second word twice", "answer with the last word, or with no if there is none"]


@pytest.fixture(scope="module")
def model():
    folder = find_content("checkpoints") / "wordplay-llama" / "pos_control"
    return load_model(inspect_checkpoint(folder), torch.device("cpu"), torch.float32)


def logits(model, prompts):
    inputs = model.tokens.continuations(["red blue green"] * len(prompts))
    return model.run(prompts, inputs).last_logits


def test_a_budget_is_kept(model) -> None:
    for prompt in $title().compress(model, PROMPTS, Budget.parse("3")):
        assert prompt.slots == prompt.accounting.kept == 3


def test_everything_kept_is_the_whole_prompt(model) -> None:
    everything = $title().compress(model, PROMPTS, Budget.parse("100%"))
    whole = model.whole($title().prompts(model, PROMPTS))
    torch.testing.assert_close(logits(model, everything), logits(model, whole), atol=1e-4, rtol=1e-4)


def test_a_prompt_is_compressed_on_its_own(model) -> None:
    together = $title().compress(model, PROMPTS, Budget.parse("50%"))
    for prompt, compressed in zip(PROMPTS, together, strict=True):
        (alone,) = $title().compress(model, [prompt], Budget.parse("50%"))
        torch.testing.assert_close(logits(model, [compressed]), logits(model, [alone]), atol=1e-4, rtol=1e-4)


def test_a_wrong_setting_is_refused() -> None:
    with pytest.raises(GistevalError, match="sharpness must be above 0"):
        $title(sharpness=0)
