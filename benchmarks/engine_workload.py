"""The workload of `engines.py`: prose as prompts, sentences as inputs, as texts and as token ids."""

from __future__ import annotations

from itertools import cycle, islice
from typing import Any

from gisteval.errors import GistevalError
from gisteval.models.running.base import PromptModel
from gisteval.tasks.generators.long_prompts.haystack import prose

INPUT_WORDS = 12


def make_workload(
    model: PromptModel, lengths: list[int], counts: list[int], new_tokens: int
) -> dict[str, Any]:
    """Prompts of these lengths in tokens, the shortest first, each with so many inputs.

    No prompt begins as another one does, so that a cache of prefixes serves one prompt alone.

    Raises:
        GistevalError: A prompt does not fit into the model's context, or its ids are not those of its text.
    """
    prompts = []
    for number, (tokens, count) in enumerate(sorted(zip(lengths, counts, strict=True))):
        prompts.append(_prompt(model, 200 * (number + 1), tokens, max(2, count)))
    longest = max(len(p["ids"]) + max(len(x["ids"]) for x in p["inputs"]) for p in prompts) + new_tokens
    if longest > model.context:
        raise GistevalError(
            f"the longest row has {longest} tokens, and the model's context is {model.context}: "
            "shorten --prompts"
        )
    warm_up = _prompt(model, 0, min(64, *lengths), 2)
    ends = sorted(model.end_ids)
    return {
        "new_tokens": new_tokens,
        "context": min(model.context, longest + 64),
        "ends": ends,
        "end_texts": [model.tokens.tokenizer.decode([end]) for end in ends],
        "suppressed": sorted(set(model.suppressed_ids) - set(ends)),
        "warm_up": warm_up,
        "prompts": prompts,
    }


def _prompt(model: PromptModel, sentence: int, tokens: int, count: int) -> dict[str, Any]:
    """Prose from one sentence on, cut to at most so many tokens, and inputs behind it."""
    sentences = prose()
    words: list[str] = []
    for text in islice(cycle(sentences), sentence % len(sentences), None):
        words += text.split()
        if len(words) > tokens:
            break

    def tokenise(texts: list[str]) -> list[list[int]]:
        return [[*ids, *model.tokens.gists] for ids in model.tokens.prompts(texts)]

    while len(words) > 1 and len(tokenise([" ".join(words)])[0]) > tokens:
        del words[-max(1, len(words) // 100) :]
    asked = islice(cycle(sentences), (sentence + 50) % len(sentences), None)
    inputs = [
        f"{number}. What is meant by: {' '.join(text.split()[:INPUT_WORDS])}"
        for number, text in zip(range(1, count + 1), asked, strict=False)
    ]
    found = _written(model, " ".join(words), tokenise)
    return {**found, "inputs": [_written(model, text, model.tokens.continuations) for text in inputs]}


def _written(model: PromptModel, text: str, tokenise: Any) -> dict[str, Any]:
    """written: the text that a tokenizer turns into these very ids."""
    (ids,) = tokenise([text])
    tokenizer = model.tokens.tokenizer
    written = tokenizer.decode(ids, skip_special_tokens=False)
    if tokenizer(written, add_special_tokens=False)["input_ids"] != ids:
        raise GistevalError(f"the tokenizer does not give the ids of {written[:60]!r} back")
    return {"text": text, "ids": ids, "written": written}
