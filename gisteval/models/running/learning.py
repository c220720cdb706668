"""Prefixes that are learnt by gradient: a model's own answers behind a prompt, from fewer slots.

The states of the slots are what is learnt. The weights stay as they are: no gradient is taken of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import kl_div

from gisteval.models.running.compressed import Accounting, Layers, Nothing, Prefix
from gisteval.models.running.decoder import DecoderModel

NONE = Accounting(0, 0, 0, 0)

MARGIN = 16
"""What is learnt must diverge less than the start does by so many units in the last place of 1 nat."""

LEARNT: dict[str, tuple[bool, bool]] = {"states": (True, True), "values": (False, True)}
"""What may be learnt, and whether that is keys and values."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a prefix is learnt from.

    Attributes:
        ids: (rows, tokens) token ids of what follows the prompt.
        counts: (rows, tokens) bool, where the next token's distribution is to be matched.
        target: (tokens that count, vocabulary) log-probabilities behind the whole prompt.
    """

    ids: Tensor
    counts: Tensor
    target: Tensor


def make_lesson(
    model: DecoderModel,
    prompt: Sequence[int],
    inputs: Sequence[Sequence[int]],
    tokens: int,
    generator: torch.Generator,
) -> Lesson:
    """Let a model go on behind a whole prompt, by chance at temperature 1.

    Args:
        model: The model.
        prompt: Token ids.
        inputs: Token ids behind the prompt, a row each, shorter than `tokens`. A row without any begins
            with what the model itself makes up.
        tokens: Tokens of a row. What comes behind an end token doesn't count.
        generator: Decides what is drawn, on the CPU.
    """
    room = max(1, min(tokens, model.context - len(prompt)))
    before = model.encode([prompt[:-1]]) if len(prompt) > 1 else [Nothing(0, NONE)]
    running = model.run(before * len(inputs), [[prompt[-1], *text] for text in inputs])
    # The largest of logits with Gumbel noise is a draw from their softmax.
    width = running.last_logits.shape[-1]

    def add_noise(rows: Tensor, logits: Tensor) -> None:
        drawn = torch.rand(len(inputs), width, generator=generator).clamp(min=1e-20)
        logits -= torch.log(-torch.log(drawn)).to(logits.device)[rows]

    running.watch = add_noise
    ids = torch.zeros(len(inputs), room, dtype=torch.long)
    counts = torch.zeros(len(inputs), room, dtype=torch.bool)
    for row, (text, answer) in enumerate(zip(inputs, running.decode(room), strict=True)):
        own = [*text, *answer.token_ids][:room]
        ids[row, : len(own)] = torch.tensor(own, dtype=torch.long)
        counts[row, max(0, len(text) - 1) : max(1, len(own))] = True
    (whole,) = model.encode([prompt])
    places = ids.to(model.device), counts.to(model.device)
    with torch.inference_mode(False), torch.no_grad():
        return Lesson(*places, _logs(model, places[0], _normal(whole.layers), len(prompt))[places[1]])


def learn(
    model: DecoderModel, start: Prefix, lesson: Lesson, learnt: str, steps: int, rate: float
) -> tuple[Prefix, list[float]]:
    """Learn the states of a prefix with Adam, whose rate falls linearly to nothing.

    Args:
        model: The model that reads the prefix.
        start: The states to begin with.
        lesson: What is learnt.
        learnt: One of LEARNT.
        steps: Steps of the optimiser, 0 for none.
        rate: The first step's.

    Returns:
        The prefix with the least divergence from the whole prompt, the start where no other has less; and
        the mean divergence before each step and after the last one, KL(whole prompt || prefix) in nats a
        token.
    """
    with torch.inference_mode(False), torch.enable_grad():
        states = [state.float() for pair in _normal(start.layers) for state in pair]
        chosen = LEARNT[learnt] * len(start.layers)
        wanted = [state.requires_grad_() for state, on in zip(states, chosen, strict=True) if on]
        adam = torch.optim.Adam(wanted, lr=rate)
        dtype = start.layers[0][0].dtype
        best, found = [state.detach().clone() for state in states], list[float]()
        margin = MARGIN * torch.finfo(dtype).eps
        for step in range(steps + 1):
            layers = tuple(
                (k.to(dtype), v.to(dtype)) for k, v in zip(states[::2], states[1::2], strict=True)
            )
            loss = _divergence(model, lesson, layers, start.next_position)
            found.append(float(loss.detach()))
            if found[-1] < min([found[0] - margin, *found[1:-1]]):
                best = [state.detach().clone() for state in states]
            if step < steps:
                for state, slope in zip(wanted, torch.autograd.grad(loss, wanted), strict=True):
                    state.grad = slope
                for group in adam.param_groups:
                    group["lr"] = rate * (1 - step / steps)
                adam.step()
    layers = tuple((k.to(dtype), v.to(dtype)) for k, v in zip(best[::2], best[1::2], strict=True))
    return replace(start, layers=layers, kept=None), found


def _divergence(model: DecoderModel, lesson: Lesson, layers: Layers, position: int) -> Tensor:
    """The mean of KL(whole prompt || prefix) over the tokens that count."""
    logs = _logs(model, lesson.ids, layers, position)[lesson.counts]
    return kl_div(logs, lesson.target, reduction="none", log_target=True).sum(-1).mean()


def _logs(model: DecoderModel, ids: Tensor, layers: Layers, position: int) -> Tensor:
    """Log-probabilities of what follows each token behind a prefix, (rows, tokens, vocabulary)."""
    cache, columns = model.start([Prefix(layers, position, NONE)] * len(ids))
    places = (position + torch.arange(ids.shape[1], device=ids.device)).expand(ids.shape)
    places = places.clamp(max=model.context - 1)
    columns = columns.followed_by(torch.ones_like(ids, dtype=torch.bool), places)
    with model.masked(columns, places) as mask:
        output = model.model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=places,
            past_key_values=cache,
            use_cache=True,
        )
    logs: Tensor = output.logits.float().log_softmax(-1)
    return logs


def _normal(layers: Layers) -> Layers:
    """Copies of states that a gradient can be taken of; those of an inference pass can't."""
    return tuple((keys.clone(), values.clone()) for keys, values in layers)
