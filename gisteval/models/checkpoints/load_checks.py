"""Signs that a checkpoint is not what it seems, looked for when it is loaded; each is a warning."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from gisteval.masks import MaskRule
from gisteval.models.running.base import PromptModel
from gisteval.models.running.windows import text_config
from gisteval.models.text.tokens import GIST_TOKEN

INSTRUCTION, INPUT = "Write the last word of the text in capital letters.", "The train leaves at 10:45."

SENTENCES = (
    "The children walked home along the river before it was dark.",
    "Water boils at a lower temperature high up in the mountains.",
    "She put the letter on the table and closed the door behind her.",
)


def warnings(model: PromptModel, trained_here: bool) -> Iterator[str]:
    """What is suspicious about a loaded model, a sentence each.

    Args:
        model: The loaded model.
        trained_here: Whether gisteval trained it. Then it tokenises instruction and input apart, and its
            language may not be English, so two of the checks are left out.
    """
    yield from _round_trip(model)
    if model.tokens.k:
        yield from _gist_token(model)
    if not trained_here:
        yield from _segments(model)
    if not _finite(model):
        yield "its logits are not all finite: the weights are damaged, or need another --dtype"
    elif not trained_here:
        loss, even = sentence_loss(model), math.log(text_config(model.model.config).vocab_size)
        if loss > even:
            yield (
                f"its loss on plain English is {loss:.1f} nats a token, worse than guessing evenly "
                f"({even:.1f}): the weights or the tokenizer may belong to another model"
            )


def _round_trip(model: PromptModel) -> Iterator[str]:
    tokens = model.tokens
    segments = tokens.prompts([INSTRUCTION])[0], tokens.continuations([INPUT])[0]
    texts = tokens.segments.texts(INSTRUCTION, INPUT)
    for ids, text in zip(segments, texts, strict=True):
        decoded = str(tokens.tokenizer.decode(ids, skip_special_tokens=True))
        if "".join(decoded.split()) != "".join(text.split()):
            yield f"its tokenizer turns {text!r} into {decoded!r}: characters are lost"


def _gist_token(model: PromptModel) -> Iterator[str]:
    tokenizer = model.tokens.tokenizer
    ids = tokenizer(GIST_TOKEN, add_special_tokens=False)["input_ids"]
    if ids != [model.tokens.gist_id]:
        yield f"its tokenizer makes {len(ids)} tokens of {GIST_TOKEN}, not one: it is not marked as special"


def _segments(model: PromptModel) -> Iterator[str]:
    tokens = model.tokens
    apart = tokens.prompts([INSTRUCTION])[0] + tokens.gists + tokens.continuations([INPUT])[0]
    if apart != tokens.segments.together(INSTRUCTION, GIST_TOKEN * len(tokens.gists), INPUT):
        yield (
            "its tokenizer splits instruction and input otherwise when they stand together: if it was "
            "trained on whole texts, it has seen other tokens than gisteval, which tokenises them apart"
        )


def _finite(model: PromptModel) -> bool:
    tokens = model.tokens
    prompt = tokens.prompts([INSTRUCTION])[0] + tokens.gists
    inputs = tokens.continuations([INPUT])
    (logits,) = model.predictions([prompt], inputs, tokens.targets([INPUT]), MaskRule("pos_control"))
    return bool(logits.isfinite().all())


def sentence_loss(model: PromptModel) -> float:
    """Mean nats a token of the second halves of plain sentences, given the first halves."""
    encoded = [model.tokens.tokenizer(text, add_special_tokens=False)["input_ids"] for text in SENTENCES]
    first = [ids[: len(ids) // 2] for ids in encoded]
    second = [ids[len(ids) // 2 :] for ids in encoded]
    predictions = model.predictions([[]] * len(encoded), first, second, MaskRule("pos_control"))
    losses = [
        torch.nn.functional.cross_entropy(
            logits[:-1], torch.tensor(ids, device=logits.device), reduction="none"
        )
        for logits, ids in zip(predictions, second, strict=True)
    ]
    return float(torch.cat(losses).mean())
