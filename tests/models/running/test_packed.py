"""Numbers of 4 and 8 bits: how large they are, and how near to what was packed."""

from __future__ import annotations

import pytest
import torch

from gisteval.errors import GistevalError
from gisteval.models.running.packed import PackedTensor


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("dim", [1, 2])
@pytest.mark.parametrize(("bits", "levels"), [(4, 15), (8, 255)])
def test_a_number_moves_by_half_a_step_of_its_group_at_most(bits, levels, dim, dtype):
    numbers = torch.randn(3, 7, 9, generator=torch.Generator().manual_seed(0)).to(dtype)
    read = PackedTensor.pack(numbers, bits, dim, 4).unpack()
    assert read.dtype == dtype
    assert read.shape == numbers.shape
    for start in range(0, numbers.shape[dim], 4):
        place = (slice(None),) * dim + (slice(start, start + 4),)
        part = numbers[place].float()
        step = (part.amax(dim) - part.amin(dim)).unsqueeze(dim) / levels
        rounding = part.abs().max() * (2**-10 + float(torch.finfo(dtype).eps))  # of minima, and of results
        assert ((read[place].float() - part).abs() <= step / 2 + rounding).all()


def test_a_small_tensor_by_hand():
    """Two channels of three slots: 0 to 15 in steps of 1, and 1 to 2.5 in steps of 0.1."""
    numbers = torch.tensor([[[0.0, 1.0], [7.4, 1.6], [15.0, 2.5]]])
    packed = PackedTensor.pack(numbers, 4, 1, 3)
    assert packed.codes.tolist() == [0 | 0 << 4, 7 | 6 << 4, 15 | 15 << 4]
    assert packed.minima.flatten().tolist() == [0, 1]
    expected = torch.tensor([[[0.0, 1.0], [7.0, 1.6], [15.0, 2.5]]])
    assert torch.allclose(packed.unpack(), expected, atol=1e-3)


@pytest.mark.parametrize(("bits", "of_codes"), [(4, 32), (8, 63)])
def test_codes_scales_and_minima_are_counted(bits, of_codes):
    packed = PackedTensor.pack(torch.ones(1, 7, 9), bits, 1, 4)
    assert packed.nbytes == of_codes + 2 * 2 * (2 * 9)  # two groups a channel, two float16 each


def test_equal_numbers_and_no_numbers_are_read_back_as_they_were():
    assert PackedTensor.pack(torch.full((2, 3, 4), -1.5), 4, 2, 2).unpack().unique().tolist() == [-1.5]
    assert PackedTensor.pack(torch.empty(2, 0, 4), 4, 1, 2).unpack().shape == (2, 0, 4)
    assert PackedTensor.pack(torch.empty(2, 0, 4), 4, 2, 2).unpack().shape == (2, 0, 4)


def test_numbers_beyond_float16_are_refused():
    with pytest.raises(GistevalError, match="over the range of float16"):
        PackedTensor.pack(torch.tensor([[[1e6]]]), 4, 1, 1)
