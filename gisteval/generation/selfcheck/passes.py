"""Passes of a model over the same rows, and how far apart they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from gisteval.generation.selfcheck.rows import Visible, visible_of
from gisteval.generation.selfcheck.states import LayerStates, masked_states, recorded
from gisteval.models.running.base import PromptModel
from gisteval.models.running.continuation import LOGIT_BYTES

COLUMNS = 4096
"""Tokens of the vocabulary, evenly spread, whose log-probabilities are compared at each position."""

PASS_TOKENS = 16384
"""Tokens, padding included, of one uncached pass over several rows."""

INT8_UNIT = 1 / 254 / 16
"""A sixteenth of half a step of int8, so that some activations change their step."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a pass says of one row's next tokens, in nats.

    Attributes:
        logs: Log-probabilities of a part of the vocabulary, (positions, columns).
        chosen: Log-probabilities of the tokens that do come next, (tokens,).
        best: The token that greedy decoding takes at each position.
        states: The states between the layers, of a masked pass (see the module `states`).
    """

    logs: Tensor
    chosen: Tensor
    best: tuple[int, ...]
    states: LayerStates = field(default_factory=list)

    def distance(self, other: Reading) -> Tensor:
        """The root mean square difference over the columns, (positions that both have,)."""
        size = min(len(self.logs), len(other.logs))
        mine, theirs = self.logs[:size], other.logs[:size]
        return (
            (mine - theirs).masked_fill(mine == theirs, 0).square().mean(-1).sqrt().cpu()
        )  # -inf in both is 0


def reading(model: PromptModel, logits: Tensor, tokens: Sequence[int]) -> Reading:
    """What logits say of a row.

    Args:
        model: The model that made them.
        logits: (positions, vocabulary).
        tokens: The tokens that come next, as far as they are known.
    """
    logs = logits.float().log_softmax(-1)
    step = max(1, logs.shape[-1] // COLUMNS)
    ids = torch.tensor(tokens, dtype=torch.long, device=logs.device)
    chosen = logs[torch.arange(len(ids), device=logs.device), ids].cpu()
    part = logs[:, ::step].clone()
    logs[:, model.suppressed_ids] = -torch.inf
    return Reading(part, chosen, tuple(logs.argmax(-1).tolist()))


@torch.inference_mode()
def masked_readings(
    model: PromptModel,
    prompts: Sequence[list[int]],
    inputs: Sequence[list[int]],
    answers: Sequence[list[int]],
    visible: Visible,
    rows_at_a_time: int | None = None,
) -> list[Reading]:
    """Readings of the uncached path. Rows are read together, in their order, as memory allows."""
    width = max(len(p) + len(x) + len(y) for p, x, y in zip(prompts, inputs, answers, strict=True))
    logit_bytes = 4 * (1 + max(map(len, answers))) * model.model.config.get_text_config().vocab_size
    step = rows_at_a_time or max(2, min(PASS_TOKENS // width, LOGIT_BYTES // logit_bytes))
    readings: list[Reading] = []
    for start in range(0, len(prompts), step):
        part = slice(start, start + step)
        with recorded(model) as layers:
            shown = visible_of(visible, range(len(prompts))[part])
            logits = model.predictions(prompts[part], inputs[part], answers[part], shown)
        states = masked_states(model, layers, inputs[part], answers[part])
        for row, answer, state in zip(logits, answers[part], states, strict=True):
            readings.append(replace(reading(model, row, answer), states=state))
    return readings


@torch.inference_mode()
def stock_reading(
    model: PromptModel, prompt: Sequence[int], inputs: Sequence[int], answer: Sequence[int]
) -> Reading:
    """What the stock model says of one whole row, without a mask, positions or a cache of ours."""
    ids = torch.tensor([[*prompt, *inputs]], device=model.device)
    tokens = torch.tensor([answer], device=model.device)
    if model.model.config.is_encoder_decoder:
        logits = model.model(input_ids=ids, labels=tokens, use_cache=False).logits[0]
    else:
        whole = torch.cat([ids, tokens], dim=1)
        output = model.model(input_ids=whole, use_cache=False, logits_to_keep=len(answer) + 1)
        logits = output.logits[0]
    return reading(model, logits, answer)


def rounding_unit(model: PromptModel) -> float:
    """Half a unit in the last place of the coarsest numbers that activations go through, relative."""
    unit = float(torch.finfo(model.dtype).eps) / 2
    return max(unit, INT8_UNIT) if model.quantized == "int8" else unit


@contextmanager
def perturbed_rounding(model: PromptModel, seed: int = 0) -> Iterator[None]:
    """Inside, each layer's result is moved at random within its rounding, and rounded again.

    That is the most that another order of the same sums does. Passes over batches of different shapes
    would show less: on some machines they are equal to the last bit, while the cached path, which sums over
    fewer keys, is not. A seed gives the same numbers each time, and no global generator is used.
    """
    unit = rounding_unit(model)
    generators: dict[torch.device, torch.Generator] = {}

    def move(module: Any, args: tuple[Any, ...], output: Any) -> Any:
        if not isinstance(output, Tensor) or not output.is_floating_point():
            return None
        device = output.device
        if device not in generators:
            generators[device] = torch.Generator(device).manual_seed(seed)
        share = torch.empty(output.shape, device=device)
        share.uniform_(-unit, unit, generator=generators[device])
        exact = output.float()
        return torch.addcmul(exact, exact, share).to(output.dtype)

    with ExitStack() as hooks:
        for module in model.model.modules():
            has_weights = any(True for _ in module.parameters(recurse=False))
            if has_weights and not isinstance(module, torch.nn.Embedding):  # looked up, not summed
                hooks.callback(module.register_forward_hook(move).remove)
        yield
