"""LLMLingua-2: keep what a token classifier would keep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from transformers import PreTrainedModel

from gisteval.compressors.pruning.base import Ranked
from gisteval.compressors.pruning.classifier import check_classifier, classifier_digest, load_classifier
from gisteval.compressors.pruning.helper import Reader, Scored, mean_over
from gisteval.compressors.pruning.passage import Part, Passage, token_spans
from gisteval.models.running.architecture import ArchitectureName
from gisteval.models.running.base import PromptModel
from gisteval.models.running.phases import phase

KEEP = 1
"""The class of a token that stays."""


@dataclass(frozen=True)
class LLMLingua2(Ranked):
    """Keeps the words whose tokens a classifier is the surest to keep, on average.

    Punctuation goes with its word and has no say in its score. A budget cuts the ranking in place of a
    rate's percentile.

    Attributes:
        model: The folder of a token classifier with the classes drop and keep, such as the released
            multilingual BERT.
    """

    name = "llmlingua2"
    source = "Pan et al., LLMLingua-2, arXiv 2403.12968"
    model: str = ""

    def score(self, model: PromptModel, passage: Passage, parts: Sequence[Part]) -> list[float]:
        """See Ranked."""
        classifier = load_classifier(self.model, model.device)
        with phase("other model", model.device):
            tokens = keep_probabilities(classifier, passage.text)
        spoken = [one for one in tokens if any(map(str.isalnum, passage.text[one.start : one.end]))]
        says = [any(map(str.isalnum, passage.text[part.start : part.end])) for part in parts]
        return [mean_over(spoken if word else tokens, part) for part, word in zip(parts, says, strict=True)]

    def check_architecture(self, kind: ArchitectureName, where: str) -> None:
        """Also checks the classifier."""
        super().check_architecture(kind, where)
        check_classifier(self.model)

    def helper_digests(self) -> Mapping[str, str]:
        """The classifier decides what is kept."""
        return {"model": classifier_digest(self.model)}


@torch.inference_mode()
def keep_probabilities(reader: Reader, text: str) -> list[Scored]:
    """How likely each token of a text stays, read in chunks as long as the classifier takes."""
    ids, spans = token_spans(reader.tokenizer, text)
    start, end = reader.tokenizer.cls_token_id, reader.tokenizer.sep_token_id
    stops = {reader.tokenizer.convert_tokens_to_ids(stop) for stop in (".", "\n")}
    room = min(reader.tokenizer.model_max_length, positions(reader.model)) - 2
    values: list[float] = []
    for chunk in chunks(ids, room, stops - {reader.tokenizer.unk_token_id}):
        read = torch.tensor([[start, *chunk, end]], device=reader.model.device)
        logits = reader.model(input_ids=read).logits[0, 1:-1].float()
        values += logits.softmax(dim=-1)[:, KEEP].tolist()
    return [Scored(*span, value) for span, value in zip(spans, values, strict=True)]


def positions(model: PreTrainedModel) -> int:
    """How many tokens a classifier reads. RoBERTa's kind has its first position behind the padding's."""
    tables = (part for name, part in model.named_modules() if name.endswith("position_embeddings"))
    padding = next((part.padding_idx for part in tables if isinstance(part, nn.Embedding)), None)
    return int(model.config.max_position_embeddings) - (0 if padding is None else padding + 1)


def chunks(ids: Sequence[int], room: int, stops: set[int]) -> Iterator[Sequence[int]]:
    """Parts of at most so many tokens, each up to its last stop where it has one."""
    first = 0
    while len(ids) - first > room:
        ends = [place + 1 for place in range(first, first + room) if ids[place] in stops]
        last = ends[-1] if ends else first + room
        yield ids[first:last]
        first = last
    yield ids[first:]
