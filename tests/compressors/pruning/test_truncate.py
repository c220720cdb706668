"""The first tokens of an instruction in its template, against slices of the whole prompt."""

from __future__ import annotations

import pytest

from gisteval.compressors.pruning.truncate import Truncate
from gisteval.records.budget import Budget

TEXT = "say the first word twice, and then the last one once"


@pytest.mark.parametrize("budget", ["1", "5", "50%", "1000", None])
def test_the_instructions_first_tokens_stay_in_their_template(tiny_model, budget: str | None) -> None:
    model = tiny_model("llama", 0)
    (whole,) = model.tokens.prompts([TEXT])
    head, tail = model.tokens.template_ends(whole)
    own = len(whole) - head - tail
    wanted = Truncate.default_budget if budget is None else Budget.parse(budget)
    (found,) = Truncate().compress(model, [TEXT], None if budget is None else wanted)
    left = min(wanted.of(own), own)
    assert list(found.token_ids) == [*whole[: head + left], *whole[len(whole) - tail :]]
