"""Which vocabulary a peft adapter was trained over, by the tensors that it holds.

Training often begins with `model.resize_token_embeddings(...)`: for new tokens, or padded to a multiple.
The adapter's own copies of the embedding and output matrix then have other rows than the base on disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors import safe_open
from transformers import PreTrainedModel

from gisteval.errors import GistevalError

MOST_ROWS = 10_000_000
"""Tokens of a vocabulary; the base gets a row for each up to the last that is named."""

PREFIX = "base_model.model."
"""Before the module's name in every key of an adapter file."""


def vocabulary_rows(path: Path, model: PreTrainedModel) -> int | None:
    """The rows that an adapter's tensors need of its base's vocabulary.

    Args:
        path: The adapter's folder.
        model: The base.

    Returns:
        The number of rows; None where no tensor says it.

    Raises:
        GistevalError: Two tensors disagree.
    """
    inputs, head = model.get_input_embeddings(), model.get_output_embeddings()
    tables = {name for name, part in model.named_modules() if part is inputs or part is head}
    key_of_rows: dict[int, str] = {}
    for key, shape in _shapes(path):
        name = key.removeprefix(PREFIX)
        table = next((table for table in tables if name.startswith(table + ".")), None)
        rows = None if table is None else _rows(name.removeprefix(f"{table}."), shape)
        if rows is not None:
            key_of_rows.setdefault(rows, key)
    if len(key_of_rows) > 1:
        (rows_of_first, first), (rows_of_second, second), *_ = key_of_rows.items()
        raise GistevalError(
            f"{path}: the adapter's tensors disagree about the vocabulary ({first} has {rows_of_first} "
            f"rows, {second} {rows_of_second}): save it again"
        )
    return next(iter(key_of_rows), None)


def trained_tokens(config: dict[str, Any]) -> set[int]:
    """Ids of the tokens whose rows an adapter holds one by one.

    Args:
        config: The content of adapter_config.json.

    Raises:
        ValueError: An id is negative or beyond any vocabulary.
    """
    indices = config.get("trainable_token_indices") or config.get("token_indices") or []
    lists = indices.values() if isinstance(indices, dict) else [indices]
    token_ids = {int(index) for part in lists for index in part}
    if token_ids and not 0 <= min(token_ids) <= max(token_ids) < MOST_ROWS:
        raise ValueError(f"its token indices lie beyond {MOST_ROWS:,}")
    return token_ids


def _rows(part: str, shape: list[int]) -> int | None:
    """Rows of the whole matrix, by one of its tensors. `part` is the key behind the matrix's name."""
    if "lora_embedding_A" in part:
        return shape[1]
    if part.startswith("lora_B.") or part == "weight" or part.endswith("_module.weight"):
        return shape[0]
    if part.startswith(("modules_to_save.", "base_layer.")) and part.endswith("weight"):
        return shape[0]
    return None


def _shapes(path: Path) -> Iterator[tuple[str, list[int]]]:
    """Names and shapes of an adapter's tensors."""
    file = path / "adapter_model.safetensors"
    if file.is_file():
        with safe_open(file, "pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118
                yield name, list(tensors.get_slice(name).get_shape())
    else:  # a pickle that was asked for: peft reads tensors out of it, and nothing else
        from peft import load_peft_weights

        yield from (
            (name, list(tensor.shape)) for name, tensor in load_peft_weights(str(path), "cpu").items()
        )
