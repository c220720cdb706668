"""Rows behind their slots: fewer of them, or columns taken back, are as if nothing else had been there."""

from __future__ import annotations

import pytest
import torch
from random_models import random_model

from gisteval.compressors.gist.gist import Gist
from gisteval.models.running.compressed import Accounting, Nothing

TEXTS = ["say", "say the first word twice or maybe no", "no maybe"]
INPUTS = [[9, 8, 7, 6], [5], [4, 3]]


@pytest.fixture(scope="module", params=["llama", "gpt2", "mistral"])
def model(request):
    return random_model(request.param, gain=3.0)


def test_rows_that_stay_are_as_if_they_had_run_alone(model) -> None:
    prompts = Gist().compress(model, TEXTS, None)
    running = model.run(prompts, INPUTS)
    running.take_rows(torch.tensor([2, 0]))
    alone = model.run([prompts[2], prompts[0]], [INPUTS[2], INPUTS[0]])
    assert running.decode(10) == alone.decode(10)


@torch.inference_mode()
def test_forgotten_columns_leave_no_trace(model) -> None:
    prompts = Gist().compress(model, TEXTS, None)
    running = model.run(prompts, INPUTS)
    length = running.cache.get_seq_length()
    columns = running.columns
    running._forward(
        torch.tensor([[7]] * 3), torch.ones(3, 1, dtype=torch.bool), running.next_position[:, None], 1
    )
    assert running.columns.present.shape[1] == length + 1 == running.cache.get_seq_length()
    running.rewind(length)
    assert torch.equal(running.columns.present, columns.present)
    assert running.decode(10) == model.run(prompts, INPUTS).decode(10)


def test_a_prompt_of_nothing_leaves_its_positions_free(model) -> None:
    """A row behind no prompt starts where the prompt would have ended, beside a row that has one."""
    (prompt,) = Gist().compress(model, TEXTS[1:2], None)
    nothing = Nothing(prompt.next_position, Accounting(0, 0, 0, 0))
    both = model.run([nothing, prompt], [INPUTS[0], INPUTS[1]])
    ids = torch.tensor([INPUTS[0]])
    places = prompt.next_position + torch.arange(ids.shape[1])[None]
    with torch.inference_mode():
        stock = model.model(ids, position_ids=places).logits[:, -1]
    torch.testing.assert_close(both.last_logits[:1], stock, atol=1e-4, rtol=1e-4)
