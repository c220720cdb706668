"""Models beside the one under evaluation, which only decide what is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from gisteval.compressors.pruning.passage import Part
from gisteval.errors import GistevalError
from gisteval.models.checkpoints.checkpoint import Checkpoint, inspect_checkpoint
from gisteval.models.checkpoints.loading import load_tokenizer, load_weights, resolve
from gisteval.models.running.architecture import DECODER
from gisteval.records.schema import digest


@dataclass(frozen=True)
class Reader:
    """A model and its tokenizer."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase


def causal_checkpoint(name: str, compressor: str) -> Checkpoint:
    """The checkpoint of a causal model, from a folder or a hub. Raises GistevalError for anything else."""
    checkpoint = inspect_checkpoint(resolve(name))
    if checkpoint.architecture != DECODER:
        raise GistevalError(
            f"compressor {compressor}: model={name} is a model of the kind {checkpoint.architecture.name}: "
            "give a causal one, which predicts each token from those before it"
        )
    return checkpoint


def checkpoint_digest(checkpoint: Checkpoint) -> str:
    """Digest of a helper's weights and tokenizer."""
    return digest([checkpoint.weights_digest(), checkpoint.tokenizer_digest()])


@lru_cache(maxsize=2)
def load_causal(name: str, compressor: str, device: torch.device) -> Reader:
    """A causal model in float32, loaded once. Raises GistevalError if it can't be."""
    checkpoint = causal_checkpoint(name, compressor)
    tokenizer = load_tokenizer(checkpoint)
    return Reader(load_weights(checkpoint, tokenizer, torch.float32).to(device).eval(), tokenizer)


@dataclass(frozen=True, slots=True)
class Scored:
    """A token of a helper model: its characters in the text, and what the model says of it."""

    start: int
    end: int
    value: float


def mean_over(scored: Sequence[Scored], part: Part) -> float:
    """The mean value of the tokens that share a character with a part; 0 without any."""
    values = [one.value for one in scored if one.start < part.end and part.start < one.end]
    return sum(values) / len(values) if values else 0.0
