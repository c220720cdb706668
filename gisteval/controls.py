"""Whether a checkpoint can be a control of another: of one kind, reading the same tokens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gisteval.errors import GistevalError
from gisteval.models.checkpoints.checkpoint import Checkpoint, inspect_checkpoint
from gisteval.models.checkpoints.loading import load_tokenizer

SIZES = ("hidden_size", "d_model", "n_embd", "num_hidden_layers", "num_layers", "n_layer")
"""What a configuration calls the width of a model, and its layers."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """What config.json says of a model, of an adapter's base where it is at hand.

    Attributes:
        kind: Such as llama. None for a GGUF file, which does not say it before it is loaded.
        sizes: Those of SIZES that it has.
    """

    kind: str | None
    sizes: Mapping[str, object]

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> _Shape:
        config = checkpoint.config()
        if checkpoint.is_adapter and "model_type" not in config:
            base = Path(checkpoint.base_name())
            config = inspect_checkpoint(base).config() if base.is_dir() else {}
        kind = config.get("model_type")
        sizes = {name: config[name] for name in SIZES if name in config}
        return cls(None if kind is None else str(kind), sizes)


def check_control(control: Checkpoint, candidates: Iterable[Checkpoint]) -> list[str]:
    """Notes on a control that differs from what it stands beside.

    One of another size is taken, and every report says so: what lies between it and the candidate is then
    not the prompt's compression alone. Raises GistevalError for another architecture or tokenizer, under
    which nothing can be compared.
    """
    notes = []
    for candidate in candidates:
        first, second = _Shape.of(control), _Shape.of(candidate)
        if first.kind != second.kind and None not in (first.kind, second.kind):
            raise GistevalError(
                f"{control.path} can't be a control of {candidate.path}: it is a {first.kind} model, not "
                f"{second.kind}; name one that was trained from the same base"
            )
        if not _same_tokens(control, candidate):
            raise GistevalError(
                f"{control.path} can't be a control of {candidate.path}: its tokenizer has another "
                "vocabulary; name one that was trained from the same base"
            )
        if first.sizes != second.sizes and first.sizes and second.sizes:
            notes.append(
                f"{control.record.name} is of another size than {candidate.record.name}: what lies between "
                "them is not compression alone."
            )
    return notes


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
