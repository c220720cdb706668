"""Where an instruction goes through: the gist mask made less strict, by tokens, layers and heads.

What is read behind is the whole prompt under a mask, never a cache of what one mask keeps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from gisteval.diagnostics.reading import Found, PromptReader, batches, token_losses
from gisteval.masks import MaskRule
from gisteval.models.running.base import PromptModel
from gisteval.models.running.decoder import DecoderModel
from gisteval.models.running.encoder_decoder import EncoderDecoderModel
from gisteval.models.running.masked_rows import MaskedRows
from gisteval.models.running.masked_source import MaskedSource
from gisteval.records.schema import Example

Rows = MaskedRows | MaskedSource
"""Prompts that have run, of either architecture."""

LEAKS = (0, 1, 2, 4, 8, 16)
"""Prompt tokens right before the gists that stay visible."""

STRICT = "leak 0"
"""The strictest setting, that of the paper: what all others are compared with."""

EVERYTHING = 10**6
"""A leak window that no prompt exceeds."""

KEPT_BYTES = 512 * 2**20
"""Room for the states of prompts that are kept for the next mask."""

MOST = 8
"""Layers, or heads, that are looked at one by one; of a model with more of them, so many groups."""


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
    """The masks of the ablation: leak windows, groups of layers and of heads, of each attention."""
    settings = [Strictness(f"leak {leak}", MaskRule("gist", leak)) for leak in LEAKS]
    if isinstance(model, EncoderDecoderModel):
        strict, whole = MaskRule("gist"), MaskRule("gist", EVERYTHING)
        layers, heads = model.num_layers, model.num_heads
        of_encoder = [*_layers("encoder layer", layers), *_heads("encoder head", heads)]
        of_decoder = [*_layers("decoder layer", model.decoder_layers), *_heads("decoder head", heads)]
        return [
            *settings,
            Strictness("open to the encoder", whole, strict),
            Strictness("open to the decoder", strict, whole),
            Strictness("open to both", whole),
            *(Strictness(one.name, one.rule, strict) for one in of_encoder),
            *(Strictness(one.name, strict, one.rule) for one in of_decoder),
        ]
    assert isinstance(model, DecoderModel)
    return [*settings, *_layers("layer", model.num_layers), *_heads("head", model.num_heads)]


def _layers(what: str, count: int) -> Iterator[Strictness]:
    """Of one layer, or group, and each half: open there, strict there only, or the gists hidden there."""
    everywhere = frozenset(range(count))
    for part in _singles_and_halves(count):
        here, name = frozenset(part), _named(what, part)
        yield Strictness(f"open in {name}", _open(layers=here))
        if len(here) < count - len(here):  # else it is the other half's complement
            yield Strictness(f"strict in {name} only", _open(layers=everywhere - here))
        yield Strictness(f"hidden in {name}", MaskRule("neg_control", layers=here, elsewhere="gist"))


def _heads(what: str, count: int) -> Iterator[Strictness]:
    """One head, or group, and each half, open in all layers."""
    for part in _singles_and_halves(count):
        yield Strictness(f"open in {_named(what, part)}", _open(heads=frozenset(part)))


def _open(layers: frozenset[int] | None = None, heads: frozenset[int] | None = None) -> MaskRule:
    """The whole prompt is seen in these layers or heads, and elsewhere the gists alone."""
    return MaskRule("gist", EVERYTHING, layers=layers, heads=heads, elsewhere="gist")


def _singles_and_halves(count: int) -> list[range]:
    """All of them one by one, or in groups of a large number, then both halves."""
    return list(dict.fromkeys([*_parts(count, MOST), *(_parts(count, 2) if count > 1 else ())]))


class References:
    """References that are read under one mask after another. Prompts stay where they fit into memory."""

    def __init__(self, reader: PromptReader, examples: Sequence[Example]) -> None:
        """Plan the batches.

        Args:
            reader: A gist system.
            examples: What is asked.
        """
        self.reader = reader
        targets = reader.model.tokens.targets([example.output for example in examples])
        self.batches = list(batches(reader, examples, max(map(len, targets))))
        self._room = KEPT_BYTES
        self._kept: dict[int, Rows] = {}

    @torch.inference_mode()
    def under(self, setting: Strictness) -> Iterator[list[Found]]:
        """What is found at the examples of each batch under one mask."""
        for number, batch in enumerate(self.batches):
            answers = self.reader.model.tokens.targets([example.output for example in batch])
            read = self._predictions(number, batch, answers, setting)
            found = []
            for example, answer, logits in zip(batch, answers, read, strict=True):
                predicting = logits[: len(answer)]
                values = {
                    "nll": float(token_losses(predicting, answer).mean()),
                    "greedy_exact": 100.0 * (self.reader.chosen(predicting).tolist() == answer),
                }
                found.append(Found(example, setting.name, values))
            yield found

    def _predictions(
        self, number: int, batch: Sequence[Example], answers: Sequence[Sequence[int]], setting: Strictness
    ) -> list[Tensor]:
        if number in self._kept:
            return _read(self._kept[number], setting)
        model = self.reader.model
        prompts = self.reader.compressor.prompts(model, [example.instruction for example in batch])
        inputs = self.reader.inputs(batch)
        rows: Rows
        if isinstance(model, EncoderDecoderModel):
            rows = MaskedSource(model, prompts, inputs, answers)
        else:
            assert isinstance(model, DecoderModel)
            rows = MaskedRows(model, prompts, inputs, answers)
        size = len(batch) * max(map(len, prompts)) * model.slot_bytes
        if size <= self._room:
            self._room -= size
            self._kept[number] = rows
        return _read(rows, setting)


def _read(rows: Rows, setting: Strictness) -> list[Tensor]:
    if isinstance(rows, MaskedSource):
        return rows.predictions(setting.rule, setting.cross)
    return rows.predictions(setting.rule)


def _parts(count: int, groups: int) -> list[range]:
    """So many numbers in groups that follow each other, of sizes as equal as can be."""
    groups = min(groups, count)
    ends = [count * part // groups for part in range(groups + 1)]
    return [range(start, end) for start, end in pairwise(ends)]


def _named(what: str, part: range) -> str:
    """Layers or heads as people count them."""
    return f"{what} {part[0] + 1}" if len(part) == 1 else f"{what}s {part[0] + 1}-{part[-1] + 1}"
