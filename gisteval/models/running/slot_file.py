"""A prefix as a slot file of llama.cpp's server, which `POST /slots/0?action=restore` reads.

The layout is that of sequence states of version 4, as the server wrote them in the build of xllamacpp
2026.10.11549 (all numbers little-endian, 32 bits unless said otherwise):

    magic, version, count of what follows, -1, 1, number of tokens, the tokens, 0
    1 stream, number of cells, and for each its position, 1, sequence 0
    0 (values are not transposed), number of layers, 64 bits of 0
    keys and then values: for each layer the type, 64 bits of a row's bytes, a row a cell

llama.cpp rotates neighbouring numbers of a head in Llama models, transformers numbers half a head apart, so
the conversion to GGUF reorders the rows of the projections. Keys are reordered here in the same way.
"""

from __future__ import annotations

import struct

import torch
from torch import Tensor

from gisteval.errors import GistevalError
from gisteval.models.running.exported import Exported

MAGIC, VERSION = 0x67677371, 4

REORDERED = ("llama",)
"""Model types whose keys llama.cpp holds in its own order; that of others is not known here."""

TYPES = {torch.float32: 0, torch.float16: 1}
"""llama.cpp's numbers of the types that its cache may have."""


def slot_file(prefix: Exported, model_type: str, placeholder: int) -> bytes:
    """Write a prefix as a slot file.

    Args:
        prefix: Whose slots stand at positions from 0 on.
        model_type: Of the model's configuration.
        placeholder: The token that stands for each slot: the prompts of requests begin with so many of it.

    Raises:
        GistevalError: The model's order of keys, or the type of its states, is not known here.
    """
    if model_type not in REORDERED:
        raise GistevalError(
            f"llama.cpp's order of a head's numbers is known here for {', '.join(REORDERED)} alone, not "
            f"for {model_type}: export for transformers"
        )
    dtype = prefix.layers[0][0].dtype
    if dtype not in TYPES:
        raise GistevalError("llama.cpp's cache holds float32 or float16: give --dtype")
    tokens = [0xFFFFFFFF, 1, prefix.slots, *[placeholder] * prefix.slots, 0]
    cells = [number for position in range(prefix.slots) for number in (position, 1, 0)]
    parts = [
        _words(MAGIC, VERSION, len(tokens), *tokens),
        _words(1, prefix.slots, *cells),
        _words(0, len(prefix.layers), 0, 0),
    ]
    keys, values = zip(*prefix.layers, strict=True)
    for rows in (*map(_reordered, keys), *values):
        row = rows.transpose(0, 1).flatten(1).contiguous().cpu()  # (slots, heads * head size)
        parts += [struct.pack("<IQ", TYPES[dtype], row.shape[1] * row.itemsize), row.numpy().tobytes()]
    return b"".join(parts)


def _reordered(keys: Tensor) -> Tensor:
    """Keys, (kv heads, slots, head size), with the numbers of each pair side by side."""
    heads, slots, size = keys.shape
    return keys.view(heads, slots, 2, size // 2).transpose(2, 3).reshape(heads, slots, size)


def _words(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}I", *numbers)
