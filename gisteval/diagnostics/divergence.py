"""How far a compressed prompt's predictions are from those of the full prompt, token by token.

The answer is given (teacher forcing), so both sides predict the same tokens from the same text. The
horizons are those of MegaContext's substitutability, delta NLL@H.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

import torch
from torch import Tensor

from gisteval.diagnostics.reading import (
    SETTINGS,
    Found,
    PromptReader,
    batches,
    read_logits,
    token_losses,
)
from gisteval.errors import GistevalError
from gisteval.masks import MaskRule
from gisteval.models.running.base import PromptModel
from gisteval.models.running.decoder import DecoderModel
from gisteval.records.schema import Example

HORIZONS = (1, 8, 32, 128)
"""H of delta NLL@H, in tokens of the answer."""

KEPT_BYTES = 512 * 2**20
"""Room for predictions of the full prompt that are kept for the next system."""

_MARKED = 64
"""Prompts whose own tokens are predicted at a time."""


@dataclass(frozen=True, slots=True)
class _TokenValues:
    """Of each token of one answer: both losses in nats, KL in nats, and whether both would choose alike."""

    full_nll: list[float]
    our_nll: list[float]
    kl: list[float]
    same: list[float]


@dataclass(frozen=True, slots=True)
class _Read:
    """Token ids of answers, and the logits that predict them, a row each."""

    answers: list[list[int]]
    logits: list[Tensor]


class FullPrompt:
    """What the full prompt predicts. Systems that are compared with it share what fits into memory."""

    def __init__(
        self, reader: PromptReader, examples: Sequence[Example], max_new_tokens: int, gists: int = 0
    ) -> None:
        """Plan the batches.

        Args:
            reader: Reads the full prompt.
            examples: What is asked. Those that exceed the context are left out.
            max_new_tokens: The longest own answer, in tokens.
            gists: The most gist tokens of a system that is compared, which must fit as well.
        """
        self.reader = reader
        self.limit = max_new_tokens
        targets = reader.model.tokens.targets([example.output for example in examples])
        self.batches = list(batches(reader, examples, max(max_new_tokens, *map(len, targets)) + gists))
        self.surprisal = _prompt_surprisal(reader.model, [example.instruction for example in examples])
        self._room = KEPT_BYTES
        self._kept: dict[int, tuple[_Read, _Read]] = {}

    def read(self, number: int) -> tuple[_Read, _Read]:
        """The references of a batch, and its own greedy answers with their end tokens.

        An answer that the limit stops has no end token.
        """
        if number in self._kept:
            return self._kept[number]
        batch = self.batches[number]
        decoded = self.reader.open(batch).decode(self.limit)
        running = self.reader.open(batch)
        # Which end token a model chose is not kept: what predicts the token behind an answer says it.
        behind = read_logits(running, [(*answer.token_ids, 0) for answer in decoded])
        answers = [
            [*answer.token_ids, *self.reader.chosen(logits[-1:]).tolist()]
            if answer.finished or not answer.token_ids
            else [*answer.token_ids]
            for answer, logits in zip(decoded, behind, strict=True)
        ]
        targets = self.reader.model.tokens.targets([example.output for example in batch])
        # Read once more, as every system reads them: the same work gives the same numbers to the last bit.
        found = (
            _Read(targets, read_logits(running, targets)),
            _Read(answers, read_logits(running, answers)),
        )
        size = sum(rows.nbytes for part in found for rows in part.logits)
        if size <= self._room:
            self._room -= size
            self._kept[number] = found
        return found


def divergence(full: FullPrompt, ours: PromptReader) -> Iterator[list[Found]]:
    """Compare a system with the full prompt, on the references and on the full prompt's own answers.

    Args:
        full: The full prompt.
        ours: Reads it compressed.

    Yields:
        What was found at the examples of a batch: both settings of each.

    Raises:
        GistevalError: The two have different tokens, so their predictions can't be compared.
    """
    check_same_tokens(full.reader, ours)
    for number, batch in enumerate(full.batches):
        running, found = ours.open(batch), []
        for setting, read in zip(SETTINGS, full.read(number), strict=True):
            of_ours = read_logits(running, read.answers)
            for example, answer, theirs, mine in zip(
                batch, read.answers, read.logits, of_ours, strict=True
            ):
                compared = _compare(theirs, mine, answer, full.reader.chosen(theirs), ours.chosen(mine))
                source = full.reader.model.tokens.prompts([example.instruction])[0]
                needed = _needed(source, answer, full.surprisal.get(example.instruction))
                hits = {}
                if setting == SETTINGS[0]:
                    chosen = ours.chosen(mine), full.reader.chosen(theirs)
                    hits = {
                        name: 100.0 * (ids.tolist() == answer)
                        for name, ids in zip(("greedy_exact", "full_greedy_exact"), chosen, strict=True)
                    }
                found.append(_found(example, setting, compared, needed, hits))
        yield found


def check_same_tokens(one: PromptReader, other: PromptReader) -> None:
    """Raise GistevalError if two models don't share their tokens."""
    texts = ["The quick brown fox, 12 + 34 = 46; naïve café\n"]
    same = one.model.tokens.targets(texts) == other.model.tokens.targets(texts)
    if not same:
        raise GistevalError(
            f"{one.name} and {other.name} have different tokens, so predictions can't be compared token by "
            "token: compare models of one tokenizer and template"
        )


def _compare(
    full: Tensor, ours: Tensor, answer: Sequence[int], full_chosen: Tensor, our_chosen: Tensor
) -> _TokenValues:
    """Both (tokens, vocabulary) logits on one answer."""
    full_log, our_log = (logits.double().log_softmax(-1) for logits in (full, ours.to(full.device)))
    shared = min(full_log.shape[1], our_log.shape[1])  # one embedding may be padded further
    full_log, our_log = full_log[:, :shared], our_log[:, :shared]
    kl = (full_log.exp() * (full_log - our_log)).sum(-1).clamp(min=0.0)
    return _TokenValues(
        token_losses(full, answer).tolist(),
        token_losses(ours, answer).tolist(),
        kl.tolist(),
        (full_chosen.cpu() == our_chosen.cpu()).double().tolist(),
    )


def _found(
    example: Example,
    setting: str,
    tokens: _TokenValues,
    needed: dict[str, list[float | None]],
    hits: dict[str, float],
) -> Found:
    delta = [ours - full for ours, full in zip(tokens.our_nll, tokens.full_nll, strict=True)]
    agreed = len(list(takewhile(bool, tokens.same)))
    values = {f"delta_nll@{horizon}": _mean(delta[:horizon]) for horizon in HORIZONS}
    values |= {
        "nll": _mean(tokens.our_nll),
        "kl": _mean(tokens.kl),
        "top1": 100.0 * _mean(tokens.same),
        "agreed": float(agreed),
        "same_answer": 100.0 * (agreed == len(tokens.same)),
        **hits,
    }
    return Found(example, setting, values, {"delta_nll": delta, "kl": tokens.kl}, needed)


def _needed(
    source: Sequence[int], answer: Sequence[int], surprisal: Sequence[float | None] | None
) -> dict[str, list[float | None]]:
    """Where each token of an answer stands in the prompt, if it does: the last place of it counts.

    Returns:
        Its distance from the end of the prompt, in tokens, and how surprising it is there, in nats.
    """
    last = {token: place for place, token in enumerate(source)}
    distance: list[float | None] = [
        float(len(source) - last[token]) if token in last else None for token in answer
    ]
    if surprisal is None:
        return {"distance": distance}
    surprising = [surprisal[last[token]] if token in last else None for token in answer]
    return {"distance": distance, "surprisal": surprising}


@torch.inference_mode()
def _prompt_surprisal(model: PromptModel, instructions: Sequence[str]) -> dict[str, list[float | None]]:
    """The loss of each token of a prompt behind those before it; a bidirectional encoder has none."""
    if not isinstance(model, DecoderModel):
        return {}
    texts = sorted(set(instructions), key=lambda text: (len(text), text))
    surprisal: dict[str, list[float | None]] = {}
    for start in range(0, len(texts), _MARKED):
        part = texts[start : start + _MARKED]
        prompts = model.tokens.prompts(part)
        rule = MaskRule("pos_control")
        # The first token is predicted by nothing, the second by the first, which is run as a prompt.
        read = model.masked_logits([ids[:1] for ids in prompts], [ids[1:] for ids in prompts], rule)
        for text, ids, logits in zip(part, prompts, read, strict=True):
            surprisal[text] = [None, None, *token_losses(logits[:-1], ids[2:]).tolist()]
    return surprisal


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
