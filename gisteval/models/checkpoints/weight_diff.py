"""Weight differences: checkpoints published as (tuned - base), of use only with the right base.

The paper's LLaMA checkpoints are such differences (github.com/jayelm/gisting, src/weight_diff.py): for
every tensor the float32 difference to LLaMA-7B, whose embedding and output matrix were first extended by a
row of zeros for `<GIST>`.
"""

from __future__ import annotations

import logging
from pathlib import Path

import torch
from transformers import PreTrainedModel

from gisteval.errors import GistevalError
from gisteval.models.checkpoints.checkpoint import Checkpoint

log = logging.getLogger(__name__)

PUBLISHED_SUMS = {
    "llama-7b-gist-1": 50547.9570,
    "llama-7b-pos_control-1": 50596.9219,
    "llama-7b-neg_control-1": 50503.8789,
}
"""Sums of all recovered weights, from the paper's code; names are those of its checkpoints on the hub."""

ROTARY_SUM = 32 * (1 - 1e-4) / (1 - 1e-4 ** (1 / 64))
"""LLaMA-7B's inverse frequencies, 64 in each of 32 layers: transformers of that time saved them, too."""

PUBLISHED_TOLERANCE = 1.0
"""The published sums were accumulated in float32; another base is off by far more."""

TOLERANCE = 0.01

SMALL_NORM = 0.2
"""Mean size of a norm's weights below which they are a difference: those of a whole Llama are near 1."""


def is_difference(model: PreTrainedModel) -> bool:
    """True if all norms of a Llama in memory are near zero, as those of a difference are."""
    if model.config.model_type != "llama":
        return False
    norms = [weight for name, weight in model.named_parameters() if name.endswith("norm.weight")]
    norms = [weight for weight in norms if not weight.is_meta]  # not those that stay on disk
    return bool(norms) and all(float(weight.detach().abs().mean()) < SMALL_NORM for weight in norms)


@torch.no_grad()
def add_base(difference: PreTrainedModel, base: PreTrainedModel, checkpoint: Checkpoint) -> None:
    """Add the base to a difference in place, in the difference's dtype.

    Rows that the base's vocabulary lacks are kept. Raises GistevalError if the base does not fit.
    """
    assert checkpoint.base is not None
    where = f"{checkpoint.base.path} is not the base of {checkpoint.path}"
    differences, base_weights = dict(difference.named_parameters()), dict(base.named_parameters())
    if differences.keys() != base_weights.keys():
        name = min(differences.keys() ^ base_weights.keys())
        raise GistevalError(f"{where}: only one of them has the tensor {name}")
    tables = {id(part.weight) for part in (difference.get_input_embeddings(), _head(difference)) if part}
    for name, weight in differences.items():
        added = base_weights[name]
        rows = added.shape[0] if id(weight) in tables else weight.shape[0]
        if added.shape != (rows, *weight.shape[1:]) or rows > weight.shape[0]:
            raise GistevalError(
                f"{where}: {name} is {list(added.shape)} there, {list(weight.shape)} in the difference"
            )
    for name, weight in differences.items():
        weight[: base_weights[name].shape[0]] += base_weights[name].to(weight.dtype)


def check_sum(model: PreTrainedModel, checkpoint: Checkpoint) -> None:
    """Compare the recovered weights with their known sum: the published one, or `weights_sum` in gist.json.

    Raises GistevalError if the base was another one; warns if no sum is known.
    """
    assert checkpoint.base is not None
    expected, tolerance = known_sums(checkpoint)
    recovered = weights_sum(model)
    if not expected:
        log.warning(
            "%s: nothing tells whether %s is its right base: no weights_sum in gist.json",
            checkpoint.path,
            checkpoint.base.path,
        )
    elif min(abs(recovered - value) for value in expected) > tolerance:
        raise GistevalError(
            f"{checkpoint.base.path} is the wrong base for {checkpoint.path}: the recovered weights add up "
            f"to {recovered:.2f}, not {expected[0]:.2f}: give the weights that the difference was made from"
        )


def known_sums(checkpoint: Checkpoint) -> tuple[list[float], float]:
    """Sums that the recovered weights may have, and how far they may be off."""
    recorded = checkpoint.record.training.get("weights_sum")
    if recorded is not None:
        return [float(recorded)], TOLERANCE
    for name, value in PUBLISHED_SUMS.items():
        if _is_named(checkpoint.path, name):
            return [value, value - ROTARY_SUM], PUBLISHED_TOLERANCE
    return [], 0.0


def weights_sum(model: PreTrainedModel) -> float:
    """The sum of all weights, each tensor once."""
    return sum(float(weight.detach().double().sum()) for weight in model.parameters())


def _is_named(path: Path, name: str) -> bool:
    """True for a folder of that name, and for the hub's cache of it."""
    return any(part == name or part.endswith(f"--{name}") for part in path.parts)


def _head(model: PreTrainedModel) -> torch.nn.Module | None:
    head: torch.nn.Module | None = model.get_output_embeddings()
    return head
