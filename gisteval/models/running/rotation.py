"""Rotary position embeddings (arXiv 2104.09864) undone, by the stock function of the model's family.

A rotation by an angle is undone by the rotation by its negative. Using the family's own function keeps
its layout: which part of a head is rotated, and which of its numbers form a pair.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from gisteval.errors import GistevalError

TOLERANCE = 1e-3
"""Largest difference, relative to the largest key, of an undone rotation from the key it began with."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """How a layer rotated its keys.

    Attributes:
        apply: the family's stock function of (queries, keys, cosines, sines).
        cos: (rows, tokens, rotated size) cosines, times the scale that some families put on them.
        sin: (rows, tokens, rotated size) sines, likewise.
        is_known: False for a rotation that can't be undone here.
        at: the cosines and sines at other positions, (rows, tokens); None where the model has no module
            that makes them.
    """

    apply: Callable[..., tuple[Tensor, Tensor]]
    cos: Tensor
    sin: Tensor
    is_known: bool = True
    at: Callable[[Tensor], tuple[Tensor, Tensor]] | None = None

    def rotate(self, keys: Tensor) -> Tensor:
        """Keys, (rows, kv heads, tokens, head size), rotated to the positions of these tokens."""
        return self._turn(keys, self.cos.float(), self.sin.float())

    def unrotate(self, keys: Tensor) -> Tensor:
        """The inverse of `rotate`, computed in float32."""
        cos, sin = self.cos.float(), self.sin.float()
        square = cos.square() + sin.square()
        return self._turn(keys, cos / square, -sin / square)

    def mean_matrix(self, first: int, count: int, size: int) -> Tensor:
        """The mean of the rotations to `count` positions from `first` on, as a (size, size) matrix.

        Args:
            first: the first of the positions.
            count: how many.
            size: of a head.

        Raises:
            GistevalError: the rotations at other positions aren't known.
        """
        if self.at is None:
            raise GistevalError("the rotations of this model at later positions can't be had from it")
        cos, sin = self.at(torch.arange(first, first + count, device=self.cos.device)[:, None])
        basis = torch.eye(size, device=self.cos.device)[None, :, None].expand(count, -1, -1, -1)
        turned = self._turn(basis, cos.float(), sin.float())  # (positions, basis vectors, 1, size)
        return turned[:, :, 0].mean(0).T

    def earlier(self, keys: Tensor, distance: int) -> Tensor:
        """Rotated keys as if their tokens stood `distance` positions earlier.

        A product of a query and a key depends on the distance of their positions alone, so it stays what
        it was where the query stands as much earlier. A scale that a family puts on its rotations stays.

        Args:
            keys: (rows, kv heads, tokens, head size), as cached.
            distance: in positions, the same for all tokens.

        Raises:
            GistevalError: the rotations at other positions aren't known.
        """
        if self.at is None:
            raise GistevalError("the rotations of this model at other positions can't be had from it")
        cos, sin = (part.float() for part in self.at(torch.tensor([[distance]], device=keys.device)))
        scale = (cos.square() + sin.square()).sqrt()
        return self._turn(keys, cos / scale, -sin / scale)

    def _turn(self, keys: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        size = cos.shape[-1]
        part = keys[..., :size].float()
        turned = self.apply(part, part, cos, sin)[1]
        return torch.cat([turned.to(keys.dtype), keys[..., size:]], dim=-1)


def unrotated(keys: Tensor, rotation: Rotation | None) -> Tensor:
    """Keys, (rows, kv heads, tokens, head size), before their rotation; unchanged if there was none.

    Raises:
        GistevalError: the rotation isn't undone here.
    """
    if rotation is None:
        return keys
    if not rotation.is_known:
        raise GistevalError("the keys of this model are rotated in a way that can't be undone here")
    return rotation.unrotate(keys)


def rotation_of(block: torch.nn.Module, embeddings: Any, rotary: Any = None) -> Rotation | None:
    """The rotation that a block was handed; None if it was handed none.

    Args:
        block: a decoder block.
        embeddings: what stock models pass to a block as `position_embeddings`.
        rotary: the model's function of position ids that makes them; None if it has none.
    """
    if not isinstance(embeddings, tuple) or len(embeddings) != 2:
        return None
    apply = getattr(sys.modules[type(block).__module__], "apply_rotary_pos_emb", None)
    cos, sin = embeddings
    if apply is None or not all(isinstance(part, Tensor) and part.dim() == 3 for part in (cos, sin)):
        return None
    return Rotation(apply, cos, sin, at=rotary)


def rotary_of(body: torch.nn.Module, config: Any, layer: int) -> Any:
    """The function of position ids, (rows, tokens), that makes a layer's cosines and sines, or None.

    Args:
        body: the decoder without its head.
        config: of the text decoder.
        layer: number of the layer.
    """
    module = getattr(body, "rotary_emb", None)
    if module is None:
        return None
    like = torch.empty(0, dtype=torch.float32, device=next(body.parameters()).device)
    more = {}
    if "layer_type" in inspect.signature(module.forward).parameters:  # Gemma 3 has one for each type
        more = {"layer_type": config.layer_types[layer]}
    return lambda places: module(like, places, **more)


UNKNOWN = Rotation(lambda queries, keys, cos, sin: (queries, keys), torch.empty(0), torch.empty(0), False)
"""Stands for a rotation that can't be undone here."""

Kind = Literal["none", "undone", "unknown"]
"""What a layer does to its keys: no rotation, one that `Rotation` undoes, or another one."""


def kind_of(first: Tensor, later: Tensor, at_first: Rotation | None, at_later: Rotation | None) -> Kind:
    """How a layer rotates, from the keys of one token alone at position 0 and at a later one.

    A token alone attends to itself only, so but for rotations and learned positions the keys are equal.

    Args:
        first: keys at position 0, (1, kv heads, 1, head size).
        later: keys at the later position, likewise.
        at_first: the rotation that the layer was handed at position 0.
        at_later: the rotation that it was handed at the later position.
    """
    if _equal(first, later):
        return "none"
    if at_first is not None and at_later is not None:
        try:
            is_undone = _equal(at_first.unrotate(first), at_later.unrotate(later))
        except RuntimeError:  # the family's function takes angles or keys of other shapes
            is_undone = False
        return "undone" if is_undone else "unknown"
    return "unknown" if _equal(first.float().norm(dim=-1), later.float().norm(dim=-1)) else "none"


def _equal(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are equal within rounding."""
    scale = one.float().abs().max().clamp(min=1e-6)
    tolerance = max(TOLERANCE, 4 * float(torch.finfo(one.dtype).eps))
    return bool((one.float() - other.float()).abs().max() <= tolerance * scale)
