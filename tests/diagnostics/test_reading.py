"""Answers that are read behind compressed prompts, beside a stock model's whole pass."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from random_models import random_examples, random_model

from gisteval.compressors.full import Full
from gisteval.compressors.gist.gist import Gist
from gisteval.diagnostics.reading import PromptReader, batches, read_logits, token_losses
from gisteval.records.schema import Example

EXAMPLES = random_examples(count=6)


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_logits_and_losses_are_those_of_a_whole_pass(family: str) -> None:
    model = random_model(family, k=0)
    reader = PromptReader("full", model, Full())
    answers = model.tokens.targets([example.output for example in EXAMPLES])
    read = read_logits(reader.open(EXAMPLES), answers)
    for example, answer, logits in zip(EXAMPLES, answers, read, strict=True):
        (prompt,), (text,) = model.tokens.prompts([example.instruction]), reader.inputs([example])
        with torch.inference_mode():
            whole = model.model(torch.tensor([prompt + text + answer])).logits[0]
        before = whole[len(prompt + text) - 1 : -1]
        torch.testing.assert_close(logits, before, atol=1e-4, rtol=1e-4)
        expected = -before.double().log_softmax(-1)[range(len(answer)), answer]
        torch.testing.assert_close(token_losses(logits, answer), expected, atol=1e-5, rtol=1e-5)


def test_each_example_that_fits_is_in_one_batch_beside_its_instruction() -> None:
    model = random_model("llama", k=2)
    reader = PromptReader("gist", model, Gist())
    pairs = [("cats", "a"), ("dogs", "b"), ("cats", "c"), ("dogs", "d")]
    equal = [Example(name, "t", "s", f"say {text}", "no", "yes") for text, name in pairs]
    assert len({len(prompt) for prompt in model.tokens.prompts(["say cats", "say dogs"])}) == 1
    long = replace(EXAMPLES[0], id="long", input="say the first word " * 80)
    found = list(batches(reader, [*EXAMPLES, *equal, long], 4))
    ids = [example.id for batch in found for example in batch]
    assert sorted(ids) == sorted(example.id for example in [*EXAMPLES, *equal])
    assert [name for name in ids if name.isalpha()] == ["a", "c", "b", "d"]
    (prompt,), (text,) = model.tokens.prompts(["say cats"]), reader.inputs(equal[:1])
    room = model.context - len([*prompt, *model.tokens.gists, *text])
    assert list(batches(reader, equal[:1], room)) == [equal[:1]]
    assert list(batches(reader, equal[:1], room + 1)) == []


def test_prompts_are_compressed_once_and_by_the_writer() -> None:
    writer = PromptReader("writer", random_model("llama", k=2, seed=1), Gist())
    reader = PromptReader("reader", random_model("llama", k=2), Gist(), writer=writer)
    text = EXAMPLES[2].instruction
    found = reader.compress([text, text])
    assert list(found) == [text]
    (own,) = writer.compressor.compress(writer.model, [text], None)
    assert torch.equal(found[text].layers[0][0], own.layers[0][0])
    logits = torch.zeros(1, reader.model.tokens.rows)
    logits[0, reader.model.suppressed_ids] = 5.0
    logits[0, 9] = 1.0
    assert reader.chosen(logits).tolist() == [9]
