"""Where an instruction goes through: the gist mask made less strict, by tokens, layers and heads.

Every pass is the uncached one, over the whole prompt under a mask, since a cache holds what one mask keeps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch

from gisteval.diagnostics.reading import Found, PromptReader, batches, token_losses
from gisteval.masks import MaskRule
from gisteval.models.running.base import PromptModel
from gisteval.models.running.decoder import DecoderModel
from gisteval.models.running.encoder_decoder import EncoderDecoderModel
from gisteval.records.schema import Example

LEAKS = (0, 1, 2, 4, 8, 16)
"""Prompt tokens right before the gists that stay visible."""

STRICT = "leak 0"
"""The strictest setting, that of the paper: what all others are compared with."""

EVERYTHING = 10**6
"""A leak window that no prompt exceeds."""

GROUPS = 4
"""Groups of layers; a model of few layers has one each."""


@dataclass(frozen=True, slots=True)
class Strictness:
    """One mask.

    Attributes:
        name: What tables call it.
        rule: What inputs and answers see of the prompt.
        cross: What the decoder of an encoder-decoder model sees of it, where that differs.
    """

    name: str
    rule: MaskRule
    cross: MaskRule | None = None


def strictness_settings(model: PromptModel) -> list[Strictness]:
    """The masks of the ablation: leak windows, groups of layers and of heads, or the two attentions."""
    settings = [Strictness(f"leak {leak}", MaskRule("gist", leak)) for leak in LEAKS]
    if isinstance(model, EncoderDecoderModel):
        strict, whole = MaskRule("gist"), MaskRule("gist", EVERYTHING)
        return [
            *settings,
            Strictness("open to the encoder", whole, strict),
            Strictness("open to the decoder", strict, whole),
            Strictness("open to both", whole),
        ]
    assert isinstance(model, DecoderModel)
    layers = frozenset(range(model.num_layers))
    heads = frozenset(range(model.num_heads))
    for part in _parts(model.num_layers, GROUPS):
        name = _named("layer", part)
        settings.append(Strictness(f"open in {name}", MaskRule("gist", layers=layers - frozenset(part))))
    for part in _parts(model.num_layers, GROUPS):
        name = _named("layer", part)
        settings.append(Strictness(f"strict in {name} only", MaskRule("gist", layers=frozenset(part))))
    for part in _parts(model.num_heads, 2):
        name = _named("head", part)
        settings.append(Strictness(f"open in {name}", MaskRule("gist", heads=heads - frozenset(part))))
    return settings


@torch.inference_mode()
def strictness(
    reader: PromptReader, examples: Sequence[Example], setting: Strictness
) -> Iterator[list[Found]]:
    """Read the references under one mask.

    Args:
        reader: A gist system.
        examples: What is asked.
        setting: The mask.
    """
    model = reader.model
    targets = model.tokens.targets([example.output for example in examples])
    for batch in batches(reader, examples, max(map(len, targets))):
        prompts = reader.compressor.prompts(model, [example.instruction for example in batch])
        answers = model.tokens.targets([example.output for example in batch])
        inputs = reader.inputs(batch)
        if setting.cross is not None and isinstance(model, EncoderDecoderModel):
            read = model.predictions(prompts, inputs, answers, setting.rule, setting.cross)
        else:
            read = model.predictions(prompts, inputs, answers, setting.rule)
        found = []
        for example, answer, logits in zip(batch, answers, read, strict=True):
            predicting = logits[: len(answer)]
            values = {
                "nll": float(token_losses(predicting, answer).mean()),
                "greedy_exact": 100.0 * (reader.chosen(predicting).tolist() == answer),
            }
            found.append(Found(example, setting.name, values))
        yield found


def _parts(count: int, groups: int) -> list[range]:
    """So many numbers in groups that follow each other, of sizes as equal as can be."""
    groups = min(groups, count)
    ends = [count * part // groups for part in range(groups + 1)]
    return [range(start, end) for start, end in pairwise(ends)]


def _named(what: str, part: range) -> str:
    """Layers or heads as people count them."""
    return f"{what} {part[0] + 1}" if len(part) == 1 else f"{what}s {part[0] + 1}-{part[-1] + 1}"
