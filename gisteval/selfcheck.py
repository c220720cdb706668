"""The proof, on the real checkpoint, that the cached path equals the masked one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import torch

from gisteval.compressors.base import Compressor
from gisteval.errors import InvalidRun
from gisteval.masks import MaskRule
from gisteval.models.base import PromptModel
from gisteval.models.compressed import Tokens
from gisteval.models.continuation import Decoded
from gisteval.schema import Example

TOLERANCE = {torch.float32: 1e-3, torch.float16: 5e-2, torch.bfloat16: 2e-1}
"""Largest difference of a log-probability (nats) between the two paths that rounding explains."""

INT8_TOLERANCE = 5e-2
"""Of activations in int8: a difference of float rounding may flip one of their 255 steps. The demo suite's
gist-1 on 320 unseen examples: median 6e-6, 1 in 320 above 1e-3, largest 6e-3, no greedy token differs."""


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """Cached against masked on a few examples of different lengths.

    max_nll_difference: nats, over all reference tokens; greedy_mismatches: examples whose greedy
    continuation differs. Under bfloat16, float16 and int8 near-ties may flip, so only float32 demands 0.
    """

    examples: int
    tokens: int
    max_nll_difference: float
    greedy_mismatches: int

    def to_json(self) -> dict[str, float | int]:
        """Plain form for the manifest."""
        return asdict(self)


def check_cached_path(
    model: PromptModel,
    compressor: Compressor,
    budget: int | None,
    leak_window: int,
    examples: Sequence[Example],
    greedy_tokens: int = 8,
) -> SelfCheck:
    """Compare both paths. Raises InvalidRun if they differ by more than rounding.

    leak_window: of the checkpoint; a budget says itself how many prompt tokens stay beside the gists.
    """
    if not examples:
        raise InvalidRun("no example fits into the model's context: the self-check has nothing to run")
    instructions = [example.instruction for example in examples]
    compressed = compressor.compress(model, instructions, budget)
    prompts = compressor.prompts(model, instructions)
    condition = compressor.reads_as or "pos_control"
    if compressor.reads_as is None:
        prompts = [list(p.token_ids) for p in compressed if isinstance(p, Tokens)]
    leaked = leak_window if budget is None else budget - model.tokens.k
    rule = MaskRule(condition, leaked if condition == "gist" else 0)
    inputs = model.tokens.continuations([example.input for example in examples])
    targets = model.tokens.targets([example.output for example in examples])
    batch = model.open(compressed, [example.input for example in examples])
    cached = batch.nll(targets)
    decoded = batch.decode(greedy_tokens)
    differences: list[torch.Tensor] = []
    mismatches = 0
    for row, logits in enumerate(model.predictions(prompts, inputs, targets, rule)):
        masked = torch.nn.functional.cross_entropy(
            logits[:-1], torch.tensor(targets[row], device=model.device), reduction="none"
        )
        differences.append((masked.cpu() - cached[row]).abs())
        if not differences[-1].isfinite().all():
            raise InvalidRun(
                f"the logits of {examples[row].id} are not finite: the weights are damaged or overflow, "
                "try --dtype float32; nothing was evaluated"
            )
        mismatches += not _same_greedy(model, prompts[row], inputs[row], decoded[row], rule)
    worst = float(torch.cat(differences).max())
    check = SelfCheck(len(examples), sum(map(len, targets)), worst, mismatches)
    tolerance = _tolerance(model)
    exact = tolerance <= TOLERANCE[torch.float32]
    if not worst <= tolerance or (exact and mismatches):
        raise InvalidRun(
            f"self-check failed for compressor {compressor.name}: cached and masked paths differ by "
            f"{worst:.2g} nats and in {mismatches} greedy continuations; nothing was evaluated"
        )
    return check


def _tolerance(model: PromptModel) -> float:
    """By the coarsest numbers that activations go through."""
    allowed = TOLERANCE[model.dtype]
    if model.quantized == "int8":
        return max(allowed, INT8_TOLERANCE)
    return allowed


def _same_greedy(
    model: PromptModel, prompt: list[int], continuation: list[int], decoded: Decoded, rule: MaskRule
) -> bool:
    """True if an uncached pass chooses every decoded token, and ends where decoding did."""
    ids = list(decoded.token_ids)
    fed = ids if decoded.finished else ids[:-1]  # the last token of a full context has no position
    scores = model.predictions([prompt], [continuation], [fed], rule)[0].clone()
    scores[:, model.suppressed_ids] = -torch.inf
    chosen = [int(token) for token in scores.argmax(-1)]
    return chosen[: len(ids)] == ids and (not decoded.finished or chosen[-1] in model.end_ids)
