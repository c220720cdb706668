"""States as whole numbers of 4 or 8 bits, with a scale and a minimum for each group of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gisteval.errors import GistevalError


@dataclass(frozen=True, slots=True)
class PackedTensor:
    """Numbers of which each group along one dimension is stored as `minimum + code * scale`.

    Attributes:
        codes: uint8, flat. Of 4 bits, two lie in a byte, the first in the lower half.
        scales: float16, shaped as the numbers are, but with a group in place of `dim`.
        minima: likewise.
        shape: of the numbers.
        dtype: of the numbers.
        bits: of a code, 4 or 8.
        dim: which dimension groups run along.
        group: numbers in a group; the last group may be shorter.
    """

    codes: Tensor
    scales: Tensor
    minima: Tensor
    shape: torch.Size
    dtype: torch.dtype
    bits: int
    dim: int
    group: int

    @classmethod
    def pack(cls, numbers: Tensor, bits: int, dim: int, group: int) -> PackedTensor:
        """Round numbers to the nearest code of their group.

        Raises:
            GistevalError: A group reaches over the range of float16, in which scales and minima are stored.
        """
        levels = 2**bits - 1
        parts = torch.split(numbers.float(), group, dim) if numbers.shape[dim] else ()
        low = [part.amin(dim) for part in parts]
        steps = [(part.amax(dim) - least) / levels for part, least in zip(parts, low, strict=True)]
        shape = list(numbers.shape)
        shape[dim] = len(parts)
        empty = numbers.new_zeros(shape, dtype=torch.float16)
        minima = torch.stack(low, dim).half() if parts else empty
        scales = torch.stack(steps, dim).half() if parts else empty
        if not (minima.isfinite().all() and scales.isfinite().all()):
            raise GistevalError("states over the range of float16 can't be stored in 4 or 8 bits")
        spread, offset = _spread(scales, dim, group, numbers), _spread(minima, dim, group, numbers)
        codes = ((numbers.float() - offset) / spread.where(spread > 0, 1.0)).round().clamp(0, levels)
        flat = codes.to(torch.uint8).flatten()
        if bits == 4:
            flat = torch.nn.functional.pad(flat, (0, flat.numel() % 2))
            flat = flat[0::2] | (flat[1::2] << 4)
        return cls(flat, scales, minima, numbers.shape, numbers.dtype, bits, dim, group)

    def unpack(self) -> Tensor:
        """The numbers, as they were rounded."""
        codes = self.codes
        if self.bits == 4:
            codes = torch.stack([codes & 15, codes >> 4], dim=1).flatten()
        numbers = codes[: self.shape.numel()].reshape(self.shape).float()
        scales = _spread(self.scales, self.dim, self.group, numbers)
        minima = _spread(self.minima, self.dim, self.group, numbers)
        return (minima + numbers * scales).to(self.dtype)

    @property
    def nbytes(self) -> int:
        """Bytes of the codes, scales and minima."""
        return self.codes.nbytes + self.scales.nbytes + self.minima.nbytes


def _spread(of_groups: Tensor, dim: int, group: int, numbers: Tensor) -> Tensor:
    """What holds for a group, for each of its numbers, in float32."""
    spread = of_groups.float().repeat_interleave(group, dim)
    return spread.narrow(dim, 0, numbers.shape[dim])
