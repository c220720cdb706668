"""Self-information: keep what a language model did not expect."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from gisteval.compressors.base import Footprint, Source
from gisteval.compressors.pruning.base import Ranked
from gisteval.compressors.pruning.helper import (
    Reader,
    Scored,
    causal_checkpoint,
    checkpoint_digest,
    load_causal,
    mean_over,
)
from gisteval.compressors.pruning.passage import Part, Passage, token_spans
from gisteval.errors import GistevalError
from gisteval.models.running.architecture import DECODER, ArchitectureName
from gisteval.models.running.base import PromptModel
from gisteval.models.running.phases import phase
from gisteval.records.budget import Budget

_SENTENCE = re.compile(r"\S.*?(?:[.!?](?=\s|$)|$)", re.MULTILINE)


@dataclass(frozen=True)
class SelfInformation(Ranked):
    """Keeps the words whose tokens are the least expected, -ln p(token | those before it), on average.

    Each sentence is read by itself behind the end token.

    Attributes:
        model: A causal model, by its folder or hub name; whatever tokenizer it has. Left empty, the
            weights under evaluation.
    """

    name = "self_information"
    source = "Li et al., Selective Context, arXiv 2310.06201"
    architectures: ClassVar[frozenset[ArchitectureName]] = frozenset((DECODER.name,))
    model: str = ""

    def score(self, model: PromptModel, passage: Passage, parts: Sequence[Part]) -> list[float]:
        """See Ranked."""
        if self.model:
            reader = load_causal(self.model, self.name, model.device)
        else:
            reader = Reader(model.model, model.tokens.tokenizer)
        with phase("other model" if self.model else "scoring", model.device):
            scored = self_information(reader, passage.text)
        return [mean_over(scored, part) for part in parts]

    def check_architecture(self, kind: ArchitectureName, where: str) -> None:
        """A model that is named serves any architecture, and must be causal itself."""
        if self.model:
            causal_checkpoint(self.model, self.name)
        elif kind not in self.architectures:
            raise GistevalError(
                f"compressor {self.name}: {where} is a model of the kind {kind}, which can't say how "
                f"much a prompt's token was expected: name a causal model, {self.name}:model=FOLDER"
            )
        if self.form == "slots":
            super().check_architecture(kind, where)

    def helper_digests(self) -> Mapping[str, str]:
        """The weights and tokenizer of the model that is named."""
        return {"model": checkpoint_digest(causal_checkpoint(self.model, self.name))} if self.model else {}

    def footprint(self, source: Source, budget: Budget | None) -> Footprint:
        """With the weights under evaluation, the instruction is run once to be compressed."""
        again = super().footprint(source, budget)
        return again if self.model else replace(again, run_once=again.run_once + source.instruction)


@torch.inference_mode()
def self_information(reader: Reader, text: str) -> list[Scored]:
    """The self-information of each token of a text, in nats.

    Each sentence is tokenised by itself and read behind the end token; so is what goes on beyond the
    model's context. Raises GistevalError for a tokenizer without end token.
    """
    end = reader.tokenizer.eos_token_id
    if end is None:
        raise GistevalError(
            f"the tokenizer of {reader.tokenizer.name_or_path} has no end token to read a sentence behind"
        )
    room = (getattr(reader.model.config, "max_position_embeddings", None) or 1024) - 1
    scored = []
    for start, sentence in sentences(text):
        ids, spans = token_spans(reader.tokenizer, sentence)
        for first in range(0, len(ids), room):
            part = ids[first : first + room]
            read = torch.tensor([[end, *part[:-1]]], device=reader.model.device)
            logits = reader.model(input_ids=read, use_cache=False).logits[0].double()
            chosen = logits.log_softmax(dim=-1).gather(1, torch.tensor([part], device=logits.device).T)
            values = (-chosen[:, 0]).tolist()
            scored += [
                Scored(start + left, start + right, value)
                for (left, right), value in zip(spans[first : first + room], values, strict=True)
            ]
    return scored


def sentences(text: str) -> Iterator[tuple[int, str]]:
    """The sentences of a text, each with where it begins. A line's end ends a sentence as well."""
    for found in _SENTENCE.finditer(text):
        yield found.start(), found.group()
