"""Rotations undone, and told apart from layers that rotate nothing or in unknown ways."""

from __future__ import annotations

import pytest
import torch
from transformers.models.gpt_neox.modeling_gpt_neox import apply_rotary_pos_emb

from gisteval.errors import GistevalError
from gisteval.models.running.rotation import UNKNOWN, Rotation, kind_of, unrotated

KEYS = torch.randn(2, 3, 5, 8, generator=torch.Generator().manual_seed(0))


def rotation(start: int, size: int = 8, scale: float = 1.0) -> Rotation:
    angles = torch.arange(start, start + 5)[None, :, None] * (0.5 ** torch.arange(size // 2))
    both = torch.cat([angles, angles], dim=-1)
    return Rotation(apply_rotary_pos_emb, scale * both.cos(), scale * both.sin())


@pytest.mark.parametrize("size", [8, 4])
@pytest.mark.parametrize("scale", [1.0, 1.3])
def test_a_rotation_is_undone_also_of_a_part_of_a_head_and_with_a_scale(size: int, scale: float) -> None:
    turned = rotation(3, size, scale)
    rotated = turned.rotate(KEYS)
    assert float((rotated - KEYS)[..., :size].abs().max()) > 0.1
    assert torch.equal(rotated[..., size:], KEYS[..., size:])
    assert torch.allclose(unrotated(rotated, turned), KEYS, atol=1e-6)


def test_kinds_of_layers() -> None:
    first, later = rotation(0), rotation(9)
    at = (first.rotate(KEYS), later.rotate(KEYS))
    assert kind_of(*at, first, later) == "undone"
    assert kind_of(KEYS, KEYS, first, later) == "none"  # it is handed angles, and doesn't rotate
    assert kind_of(KEYS, KEYS + 1, None, None) == "none"  # learned positions
    assert kind_of(*at, None, None) == "unknown"
    assert kind_of(*at, first, rotation(4)) == "unknown"
    assert kind_of(*at, first, Rotation(apply_rotary_pos_emb, later.cos[..., :3], later.sin)) == "unknown"


def test_what_is_not_rotated_stays_and_what_is_unknown_is_refused() -> None:
    assert unrotated(KEYS, None) is KEYS
    with pytest.raises(GistevalError, match="rotated in a way that can't be undone"):
        unrotated(KEYS, UNKNOWN)
