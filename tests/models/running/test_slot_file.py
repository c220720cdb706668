"""Slot files of llama.cpp: the layout of one that its server wrote, and what it can't hold."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import torch

from gisteval.errors import GistevalError
from gisteval.models.running.exported import Exported
from gisteval.models.running.slot_file import slot_file

SERVER_BYTES = 117_188
"""Of 19 tokens in 4 layers with 4 heads of 48, saved by the server (xllamacpp 2026.10.11549, float32)."""


def prefix_of(slots: int, dtype: torch.dtype = torch.float32) -> Exported:
    draw = torch.Generator().manual_seed(0)
    states = [torch.randn(4, slots, 48, generator=draw).to(dtype) for _ in range(8)]
    return Exported(tuple(zip(states[::2], states[1::2], strict=True)), slots, 0)


def test_a_slot_file_is_what_llama_cpp_writes() -> None:
    """Its head, for 19 tokens behind the whole prompt, is that of a file that the server itself wrote.

    A reader of the layout finds the states again, with each pair of a rotation side by side.
    """
    prefix = prefix_of(19)
    content = slot_file(prefix, "llama", placeholder=7)
    assert len(content) == SERVER_BYTES
    words = struct.unpack("<26I", content[:104])
    assert words == (0x67677371, 4, 23, 0xFFFFFFFF, 1, 19, *[7] * 19, 0)
    assert struct.unpack("<8I", content[104:136]) == (1, 19, 0, 1, 0, 1, 1, 0)
    assert struct.unpack("<4IIQ", content[340:368]) == (0, 4, 0, 0, 0, 768)
    stored = np.frombuffer(content[368 : 368 + 19 * 768], np.float32).reshape(19, 4, 48)
    keys = prefix.layers[0][0].numpy()
    np.testing.assert_array_equal(stored[:, :, 0::2], keys[:, :, :24].transpose(1, 0, 2))
    np.testing.assert_array_equal(stored[:, :, 1::2], keys[:, :, 24:].transpose(1, 0, 2))
    values = np.frombuffer(content[-19 * 768 :], np.float32).reshape(19, 4, 48)
    np.testing.assert_array_equal(values, prefix.layers[3][1].numpy().transpose(1, 0, 2))


def test_what_llama_cpp_can_not_hold_is_refused() -> None:
    with pytest.raises(GistevalError, match="known here for llama alone, not for qwen2"):
        slot_file(prefix_of(3), "qwen2", 0)
    with pytest.raises(GistevalError, match="holds float32 or float16"):
        slot_file(prefix_of(3, torch.bfloat16), "llama", 0)


def test_half_precision_halves_the_states_alone() -> None:
    """Type 1 is float16: the head stays as long, and each row takes half as many bytes."""
    whole, half = (slot_file(prefix_of(3, dtype), "llama", 0) for dtype in (torch.float32, torch.float16))
    assert len(whole) - len(half) == 8 * 3 * 4 * 48 * 2
