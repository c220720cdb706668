"""What compressed prompts hold: whether their states differ between instructions, how, and to what effect.

In the first layer a gist's value is that of its embedding, which no instruction can change, so the first
layer is measured, and left out of every judgement.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from gisteval.diagnostics.reading import Found, PromptReader, batches
from gisteval.models.running.compressed import CompressedPrompt
from gisteval.models.running.state_values import effective_rank, layer_values, state_of
from gisteval.records.schema import Example

SETTING = "states"

FEWEST = 3
"""Instructions that are needed: two always differ in one direction."""

PROBES = 4
"""Inputs behind which the effect of gists is compared."""

ROWS = 64
"""Prompts that run at a time behind a probe."""


def gist_states(reader: PromptReader, examples: Sequence[Example]) -> Iterator[list[Found]]:
    """Measure the values that a system keeps of each instruction, and what follows from them.

    With v an instruction's values in a layer and m their mean over instructions, `between` is |v - m|^2 and
    `size` |v|^2: the ratio of their means is the collapse index, 0 where all instructions have the same
    values. The nearest instruction is named twice: by the cosine of v - m over all layers but the first,
    each scaled to the same mean size, and by effect.

    Args:
        reader: The system. It must keep equally many slots of every instruction.
        examples: One example of each instruction.

    Yields:
        What was found at all instructions, once.
    """
    probes = probe_inputs(reader, examples)
    asked = [example for batch in batches(reader, examples, max(map(len, probes))) for example in batch]
    compressed = reader.compress([example.instruction for example in asked])
    prompts = [compressed[example.instruction] for example in asked]
    layers = layer_values(prompts)
    if layers is None or len(asked) < FEWEST:
        return
    centred = [values - values.mean(dim=0) for values in layers]
    between = [(values**2).sum(dim=1) for values in centred]
    size = [(values**2).sum(dim=1) for values in layers]
    ranks = [effective_rank(values) for values in centred]
    cosines, distances = _alike(centred[1:] or centred)
    effects = effect_distances(reader, prompts, probes)
    expected = reader.model.tokens.k + reader.model.leak_window
    found = []
    for row, example in enumerate(asked):
        by_cosine, by_effect = int(cosines[row].argmax()), int(effects[row].argmin())
        state = state_of(prompts[row])
        values = {
            "cosine": float(cosines[row, by_cosine]),
            "distance": float(distances[row, by_cosine]),
            "effect": float(effects[row, by_effect]),
            "slots": float(state.slots if state is not None else 0),
            **({"expected_slots": float(expected)} if reader.compressor.needs_gists else {}),
        }
        series = {
            "between": [float(part[row]) for part in between],
            "size": [float(part[row]) for part in size],
            "effective_rank": ranks,
        }
        texts = {"cosine": asked[by_cosine].instruction, "effect": asked[by_effect].instruction}
        found.append(Found(example, SETTING, values, series, texts=texts))
    yield found


def probe_inputs(reader: PromptReader, examples: Sequence[Example]) -> list[list[int]]:
    """Token ids of a few inputs, taken at equal steps from the different ones of these examples."""
    first = {example.input: example for example in examples if example.input}
    different = list(first.values()) or list(examples[:1])
    step = max(1, len(different) // PROBES)
    return reader.inputs(different[::step][:PROBES])


@torch.inference_mode()
def effect_distances(
    reader: PromptReader, prompts: Sequence[CompressedPrompt], probes: Sequence[Sequence[int]]
) -> Tensor:
    """How differently two prompts make the model begin its answer, (prompts, prompts) float64 in nats.

    With p and q the distributions of the first token behind a probe, it is (KL(p | q) + KL(q | p)) / 2, as
    the mean over the probes. The diagonal is infinite.
    """
    total = torch.zeros(len(prompts), len(prompts), dtype=torch.float64)
    for probe in probes:
        parts = []
        for start in range(0, len(prompts), ROWS):
            part = prompts[start : start + ROWS]
            running = reader.model.run(part, [probe] * len(part))
            parts.append(running.last_logits.float().log_softmax(-1))
        logs = torch.cat(parts)
        cross = (logs.exp() @ logs.T).double().cpu()
        total += cross.diagonal()[:, None] - cross
    total = (total + total.T).clamp(min=0.0) / (2 * len(probes))
    return total.fill_diagonal_(torch.inf)


def _alike(centred: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Cosines and squared distances of all pairs of rows, (rows, rows), with no row its own neighbour.

    Each layer is scaled to the same mean size, so that 1 is the usual squared distance. A layer without
    any difference counts 0.
    """
    scales = [(values**2).sum(dim=1).mean().sqrt() for values in centred]
    scaled = [
        values / scale if scale > 0.0 else values for values, scale in zip(centred, scales, strict=True)
    ]
    rows = torch.cat(scaled, dim=1)
    squares = (rows**2).sum(dim=1)
    products = rows @ rows.T
    sizes = squares.sqrt().clamp(min=1e-150)
    cosines = products / (sizes[:, None] * sizes)
    distances = (squares[:, None] + squares - 2 * products).clamp(min=0.0) / (2 * len(centred))
    return cosines.fill_diagonal_(-torch.inf), distances.fill_diagonal_(torch.inf)
