"""No prompt at all: nothing is kept, and the input stands where it stood."""

from __future__ import annotations

import torch

from gisteval.compressors.empty import Empty


def test_the_prompts_words_do_not_matter_but_its_length_does(tiny_model) -> None:
    model = tiny_model("llama", 0)
    texts = ["say cats", "say dogs", "say the first word twice"]
    lengths = [len(ids) for ids in model.tokens.prompts(texts)]
    found = Empty().compress(model, texts, None)
    assert [prompt.next_position for prompt in found] == lengths
    assert {(prompt.accounting.kept, prompt.accounting.bytes) for prompt in found} == {(0, 0)}
    same = [n for n in range(3) if lengths[n] == lengths[0]]
    losses = model.score(found, ["cats"] * 3, ["no"] * 3)
    assert all(torch.allclose(losses[n], losses[0], atol=1e-6) for n in same)
