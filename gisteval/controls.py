"""Whether a checkpoint can be a control of another: of one kind, reading the same tokens."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gisteval.errors import GistevalError
from gisteval.models.checkpoints.checkpoint import Checkpoint, inspect_checkpoint
from gisteval.models.checkpoints.loading import load_tokenizer

SIZES = ("hidden_size", "d_model", "n_embd", "num_hidden_layers", "num_layers", "n_layer")
"""What a configuration calls the width of a model, and its layers."""


def check_control(control: Checkpoint, candidates: Iterable[Checkpoint]) -> list[str]:
    """Notes on a control that differs from what it stands beside.

    One of another size is taken, and every report says so: what lies between it and the candidate is then
    not the prompt's compression alone. Raises GistevalError for another architecture or tokenizer, under
    which nothing can be compared.
    """
    notes = []
    for candidate in candidates:
        kinds = _kind(control), _kind(candidate)
        if kinds[0] != kinds[1] and None not in kinds:
            raise GistevalError(
                f"{control.path} can't be a control of {candidate.path}: it is a {kinds[0]} model, not "
                f"{kinds[1]}; name one that was trained from the same base"
            )
        if not _same_tokens(control, candidate):
            raise GistevalError(
                f"{control.path} can't be a control of {candidate.path}: its tokenizer has another "
                "vocabulary; name one that was trained from the same base"
            )
        sizes = _size(control), _size(candidate)
        if sizes[0] != sizes[1] and all(sizes):
            notes.append(
                f"{control.record.name} is of another size than {candidate.record.name}: what lies between "
                "them is not compression alone."
            )
    return notes


def _config(checkpoint: Checkpoint) -> dict[str, Any]:
    """config.json, of an adapter its base's; empty where there is none at hand."""
    if checkpoint.is_adapter and "model_type" not in checkpoint.config():
        base = Path(checkpoint.base_name())
        return inspect_checkpoint(base).config() if base.is_dir() else {}
    return checkpoint.config()


def _kind(checkpoint: Checkpoint) -> str | None:
    """Such as llama; a GGUF file does not say it before it is loaded."""
    kind = _config(checkpoint).get("model_type")
    return None if kind is None else str(kind)


def _size(checkpoint: Checkpoint) -> dict[str, Any]:
    config = _config(checkpoint)
    return {name: config[name] for name in SIZES if name in config}


def _same_tokens(first: Checkpoint, second: Checkpoint) -> bool:
    """Equal files, or else equal words with equal ids; special tokens may have been added to either."""
    if first.tokenizer_digest() == second.tokenizer_digest():
        return True
    return _vocabulary(first) == _vocabulary(second)


def _vocabulary(checkpoint: Checkpoint) -> dict[str, int]:
    tokenizer = load_tokenizer(checkpoint)
    added = {token.content for token in tokenizer.added_tokens_decoder.values()}
    special = added | set(tokenizer.all_special_tokens)
    return {word: place for word, place in tokenizer.get_vocab().items() if word not in special}
