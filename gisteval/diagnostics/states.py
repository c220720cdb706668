"""What compressed prompts hold: whether their states differ between instructions, and how.

Values are looked at, not keys: a key is rotated by its position, so the keys of equal gists differ between
prompts of different lengths. In the first layer a gist's value is that of its embedding, which no
instruction can change, so the first layer is measured, and left out of every judgement.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from gisteval.diagnostics.reading import Found, PromptReader
from gisteval.models.running.compressed import CompressedPrompt, EncoderState, PackedPrefix, Prefix
from gisteval.records.schema import Example

SETTING = "states"

FEWEST = 3
"""Instructions that are needed: two always differ in one direction."""


def gist_states(reader: PromptReader, examples: Sequence[Example]) -> Iterator[list[Found]]:
    """Measure the values that a system keeps of each instruction.

    With v an instruction's values in a layer and m their mean over instructions, `between` is |v - m|^2 and
    `size` |v|^2: the ratio of their means is the collapse index, 0 where all instructions have the same
    values. The effective rank is exp(H), with H the entropy of the normalised squared singular values of
    v - m: O. Roy and M. Vetterli, "The effective rank", EUSIPCO 2007.

    Args:
        reader: The system. It must keep equally many slots of every instruction.
        examples: One example of each instruction.

    Yields:
        What was found at all instructions, once.
    """
    compressed = reader.compress([example.instruction for example in examples])
    prompts = [compressed[example.instruction] for example in examples]
    layers = _values(prompts)
    if layers is None or len(examples) < FEWEST:
        return
    centred = [values - values.mean(dim=0) for values in layers]
    between = [(values**2).sum(dim=1) for values in centred]
    size = [(values**2).sum(dim=1) for values in layers]
    ranks = [effective_rank(values) for values in centred]
    distances, nearest = _nearest(centred[1:] or centred)
    expected = reader.model.tokens.k + reader.model.leak_window
    found = []
    for row, example in enumerate(examples):
        prompt = prompts[row]
        slots = prompt.slots if isinstance(prompt, Prefix | PackedPrefix | EncoderState) else 0
        found.append(
            Found(
                example,
                SETTING,
                {
                    "nearest": float(distances[row]),
                    "slots": float(slots),
                    **({"expected_slots": float(expected)} if reader.compressor.needs_gists else {}),
                },
                {
                    "between": [float(part[row]) for part in between],
                    "size": [float(part[row]) for part in size],
                    "effective_rank": ranks,
                },
                texts={"nearest": examples[int(nearest[row])].instruction},
            )
        )
    yield found


def effective_rank(centred: Tensor) -> float:
    """The effective rank of centred rows, (rows, width); 0 where all rows are equal."""
    energy = torch.linalg.svdvals(centred) ** 2
    total = float(energy.sum())
    if total <= 0.0:
        return 0.0
    shares = energy / total
    shares = shares[shares > 0.0]
    return float(torch.exp(-(shares * shares.log()).sum()))


def _values(prompts: Sequence[CompressedPrompt]) -> list[Tensor] | None:
    """A layer's values, (instructions, numbers) float64; None unless all keep as many slots."""
    states = [
        prompt.unpacked() if isinstance(prompt, PackedPrefix) else prompt
        for prompt in prompts
        if isinstance(prompt, Prefix | PackedPrefix | EncoderState)
    ]
    if len(states) < len(prompts) or len({state.slots for state in states}) != 1 or not states[0].slots:
        return None
    return [
        torch.stack([values.flatten() for _, values in layer]).double().cpu()
        for layer in zip(*(state.layers for state in states), strict=True)
    ]


def _nearest(centred: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Each row's squared distance to the nearest other row, and which that is.

    In every layer distances are taken as shares of the layer's mean distance, then averaged over layers:
    1 is as far as any two instructions are apart. A layer without any difference counts 0.
    """
    rows = centred[0].shape[0]
    total = torch.zeros(rows, rows, dtype=torch.float64)
    for values in centred:
        squared = torch.cdist(values, values, compute_mode="donot_use_mm_for_euclid_dist") ** 2
        mean = squared.sum() / (rows * (rows - 1))
        if mean > 0.0:
            total += squared / mean
    total /= len(centred)
    total.fill_diagonal_(torch.inf)
    nearest = total.min(dim=1)
    return nearest.values, nearest.indices
