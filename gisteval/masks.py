"""Attention masks as pure functions of token roles.

A row of tokens is described by one integer a token, its role:

    PAD (-1)    padding, seen by nobody
    PROMPT (0)  the instruction t and its template text: what is compressed
    GIST (1)    the gist tokens
    2, 3, ...   the first, second, ... continuation (input x and output y of one example)

Several continuations may share one prompt (packed training); they never see each other. All masks here
are boolean, True where a query may look, of shape (batch, queries, keys); `additive` turns one into
what a stock transformers model takes as-is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from gisteval.records.schema import Condition
from gisteval.segmentation import Segmentation

PAD, PROMPT, GIST, CONTINUATION = -1, 0, 1, 2


@dataclass(frozen=True, slots=True)
class MaskRule:
    """What a continuation may see of the prompt.

    Attributes:
        condition: "gist" (the gists), "pos_control" (everything) or "neg_control" (nothing).
        leak_window: Under "gist", this many of the last PROMPT tokens stay visible.
        layers: Where the rule holds, None for everywhere.
        heads: Likewise, of the heads of such a layer.
        elsewhere: The condition of other layers and heads. By default their mask is plainly causal.
        segments: Under "gist", the prompt is in segments, each with its gist tokens behind it. What they
            see of each other is a part of the rule, and so is where they stand.
    """

    condition: Condition
    leak_window: int = 0
    layers: frozenset[int] | None = None
    heads: frozenset[int] | None = None
    segments: Segmentation | None = None
    elsewhere: Condition = "pos_control"

    @property
    def is_uniform(self) -> bool:
        """True if every layer uses the same mask."""
        return self.layers is None

    def at_layer(self, layer: int) -> MaskRule:
        """The rule as one layer applies it."""
        if self.layers is None or layer in self.layers:
            return replace(self, layers=None)
        return MaskRule(self.elsewhere)


def causal_mask(roles: Tensor) -> Tensor:
    """What each token may attend to before any compression: (B, S) roles -> (B, S, S) bool.

    A prompt of two tokens and a gist, two continuations of two tokens (a row for each query):

             t t G x y x y
        t    1 . . . . . .
        t    1 1 . . . . .
        G    1 1 1 . . . .
        x    1 1 1 1 . . .
        y    1 1 1 1 1 . .
        x    1 1 1 . . 1 .
        y    1 1 1 . . 1 1
    """
    length = roles.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=roles.device).tril()
    query, key = roles[:, :, None], roles[:, None, :]
    same_or_prompt = (key < CONTINUATION) | (key == query)
    return causal & same_or_prompt & (key != PAD)


def prompt_visible(roles: Tensor, rule: MaskRule) -> Tensor:
    """Which tokens a continuation may see of the prompt: (B, S) roles -> (B, S) bool.

    Tokens of continuations are always True here: causality decides about those.
    """
    visible = roles >= CONTINUATION
    if rule.condition == "pos_control":
        return visible | (roles == PROMPT) | (roles == GIST)
    if rule.condition == "neg_control":
        return visible
    if rule.segments is not None and rule.segments.sees == "last":
        number = segment_numbers(roles)
        return visible | ((roles == GIST) & (number == number.amax(1, keepdim=True)))
    is_prompt = roles == PROMPT
    from_end = is_prompt.flip(1).cumsum(1).flip(1)  # 1 for the last PROMPT token of a row
    leaked = is_prompt & (from_end <= rule.leak_window)
    return visible | (roles == GIST) | leaked


def visibility(roles: Tensor, rule: MaskRule) -> Tensor:
    """The full mask of one layer (all heads alike): (B, S) roles -> (B, S, S) bool.

    gist, same row as in `causal_mask`        neg_control

             t t G x y x y                         t t G x y x y
        t    1 . . . . . .                    t    1 . . . . . .
        t    1 1 . . . . .                    t    1 1 . . . . .
        G    1 1 1 . . . .                    G    1 1 1 . . . .
        x    . . 1 1 . . .                    x    . . . 1 . . .
        y    . . 1 1 1 . .                    y    . . . 1 1 . .
        x    . . 1 . . 1 .                    x    . . . . . 1 .
        y    . . 1 . . 1 1                    y    . . . . . 1 1

    pos_control is `causal_mask` itself. A gist mask with leak_window = 1 shows the second t as well. For
    prompts in segments see `segment_visibility`.
    """
    is_continuation = (roles >= CONTINUATION)[:, :, None]
    allowed = prompt_visible(roles, rule)[:, None, :]
    within = segment_visibility(roles, rule.segments) if rule.segments else True
    return causal_mask(roles) & torch.where(is_continuation, allowed, within)


def segment_numbers(roles: Tensor) -> Tensor:
    """The segment of each token of a prompt, from 0; gist tokens end one. (B, S) roles -> (B, S) long."""
    starts = torch.zeros_like(roles, dtype=torch.bool)
    starts[:, 1:] = (roles[:, 1:] == PROMPT) & (roles[:, :-1] == GIST)
    return starts.long().cumsum(1)


def segment_visibility(roles: Tensor, segments: Segmentation) -> Tensor:
    """What a prompt's own tokens see of it, but for causality: (B, S) roles -> (B, S, S) bool.

    Three segments of one token and one gist each, with an input behind them, as `visibility` has it:

        gists              last               nothing            tokens

             t G t G t G x      t G t G t G x      t G t G t G x      t G t G t G x
        t    1 . . . . . .      1 . . . . . .      1 . . . . . .      1 . . . . . .
        G    1 1 . . . . .      1 1 . . . . .      1 1 . . . . .      1 1 . . . . .
        t    . 1 1 . . . .      . 1 1 . . . .      . . 1 . . . .      1 . 1 . . . .
        G    . 1 1 1 . . .      . 1 1 1 . . .      . . 1 1 . . .      . . 1 1 . . .
        t    . 1 . 1 1 . .      . . . 1 1 . .      . . . . 1 . .      1 . 1 . 1 . .
        G    . 1 . 1 1 1 .      . . . 1 1 1 .      . . . . 1 1 .      . . . . 1 1 .
        x    . 1 . 1 . 1 1      . . . . . 1 1      . 1 . 1 . 1 1      . 1 . 1 . 1 1
    """
    number = segment_numbers(roles)
    query, key = number[:, :, None], number[:, None, :]
    same, is_gist = query == key, (roles == GIST)[:, None, :]
    match segments.sees:
        case "gists":
            return same | is_gist
        case "last":
            return same | (is_gist & (query == key + 1))
        case "nothing":
            return same
        case "tokens":
            return torch.where((roles == GIST)[:, :, None], same, ~is_gist)


def token_positions(roles: Tensor, rule: MaskRule) -> Tensor:
    """The position of each token: (B, S) roles -> (B, S) long, 0 for padding.

    Each continuation is in one piece, behind the prompt. A row of two segments and two continuations:

                            t t G t t G x y x
        no segments         0 1 2 3 4 5 6 7 6
        original            0 1 2 3 4 5 6 7 6
        slots, gists        1 2 0 2 3 1 2 3 2
        slots, last         1 2 0 1 2 0 1 2 1
        tokens              0 1 1 2 3 3 4 5 4
    """
    of_prompt = (roles == PROMPT) | (roles == GIST)
    places, behind = of_prompt.cumsum(1) - 1, of_prompt.sum(1, keepdim=True)
    if rule.segments is not None and rule.condition == "gist":
        places, behind = _segment_positions(roles, places, behind, rule.segments)
    index = torch.arange(roles.shape[1], device=roles.device)
    begins = (roles != roles.roll(1, 1)) & (index > 0)
    of_continuation = index - (index * begins).cummax(1).values
    places = torch.where(roles >= CONTINUATION, behind + of_continuation, places)
    return places.masked_fill(roles == PAD, 0)


def next_position(roles: Sequence[int], rule: MaskRule) -> int:
    """The position of the first token behind a prompt, whose tokens have these roles."""
    return int(token_positions(torch.tensor([[*roles, CONTINUATION]]), rule)[0, -1])


def _segment_positions(
    roles: Tensor, in_order: Tensor, behind: Tensor, segments: Segmentation
) -> tuple[Tensor, Tensor]:
    """Positions of a prompt's tokens, (B, S), and of the first token behind it, (B, 1)."""
    if segments.numbering == "original" and segments.sees != "tokens":
        return in_order, behind
    is_gist = roles == GIST
    number, gists = segment_numbers(roles), is_gist.cumsum(1)
    k = is_gist.sum(1, keepdim=True) // (number.amax(1, keepdim=True) + 1)
    tokens, gist_place = (roles == PROMPT).cumsum(1), gists - 1
    if segments.sees == "tokens":
        of_segment = gist_place - number * k
        standing = torch.where(is_gist, (tokens - k + of_segment).clamp(min=0), tokens - 1)
        return standing, (roles == PROMPT).sum(1, keepdim=True)
    starts = (number > 0) & (number != number.roll(1, 1))
    of_segment = tokens - 1 - ((tokens - 1) * starts).cummax(1).values
    if segments.sees == "last":
        return torch.where(is_gist, gist_place - number * k, k + of_segment), k
    return torch.where(is_gist, gist_place, (number + 1) * k + of_segment), is_gist.sum(1, keepdim=True)


def source_visibility(roles: Tensor, rule: MaskRule) -> Tensor:
    """The mask of a bidirectional encoder over prompt and input: (B, S) roles -> (B, S, S) bool.

    gist                          neg_control                   pos_control

             t t G x x                     t t G x x                     t t G x x
        t    1 1 1 . .                t    1 1 1 . .                t    1 1 1 1 1
        t    1 1 1 . .                t    1 1 1 . .                t    1 1 1 1 1
        G    1 1 1 . .                G    1 1 1 . .                G    1 1 1 1 1
        x    . . 1 1 1                x    . . . 1 1                x    1 1 1 1 1
        x    . . 1 1 1                x    . . . 1 1                x    1 1 1 1 1

    Prompt and gists see the input under pos_control only, so only there can't they be cached. A leak
    window shows the last t to x as well. What the decoder sees is `prompt_visible`. One continuation a
    row: relative positions are counted in columns, so a second x would stand too far from its prompt.
    """
    present = (roles != PAD)[:, None, :]
    if rule.condition == "pos_control":
        return present.expand(-1, roles.shape[1], -1)
    of_prompt = (roles < CONTINUATION)[:, None, :]
    is_continuation = (roles >= CONTINUATION)[:, :, None]
    return present & torch.where(is_continuation, prompt_visible(roles, rule)[:, None, :], of_prompt)


def head_masks(
    roles: Tensor, rule: MaskRule, num_heads: int, made: Callable[[Tensor, MaskRule], Tensor] = visibility
) -> Tensor:
    """The mask of one layer that `made` makes, as (B, 1, S, S), or (B, H, S, S) if the rule names heads."""
    if rule.heads is None:
        return made(roles, rule)[:, None]
    if unknown := [head for head in rule.heads if not 0 <= head < num_heads]:
        raise ValueError(f"heads {unknown} do not exist: the model has {num_heads}")
    chosen = torch.tensor([head in rule.heads for head in range(num_heads)], device=roles.device)
    ruled, others = (made(roles, one)[:, None] for one in (rule, MaskRule(rule.elsewhere)))
    return torch.where(chosen[None, :, None, None], ruled, others)


def selection_masks(roles: Tensor, seen: Tensor) -> Tensor:
    """The mask of one layer whose heads keep different prompt tokens, (B, H, S, S) bool.

    Prompt tokens are masked causally; a continuation sees of the prompt only what its head keeps.

    Args:
        roles: (B, S).
        seen: (B, H, S) bool, True for the prompt tokens that a head keeps; other columns don't matter.

    A head that keeps the first and the third of three prompt tokens:

             t t t x y
        t    1 . . . .
        t    1 1 . . .
        t    1 1 1 . .
        x    1 . 1 1 .
        y    1 . 1 1 1
    """
    of_prompt = (roles == PROMPT) | (roles == GIST)
    is_continuation = (roles >= CONTINUATION)[:, None, :, None]
    allowed = (seen | ~of_prompt[:, None, :])[:, :, None, :]
    return causal_mask(roles)[:, None] & (allowed | ~is_continuation)


def prefill_mask(key_visible: Tensor, queries: int) -> Tensor:
    """Mask of the last `queries` tokens over a cache that holds only what they may see.

        key_visible  . 1 1 | . 1 1       (a padded prefix of two slots, a padded x of two tokens)

                     . 1 1   . . .
                     . 1 1   . 1 .
                     . 1 1   . 1 1

    Args:
        key_visible: (B, S) bool, False for padding. The queries are its last columns.
        queries: How many queries there are.

    Returns:
        (B, queries, S) bool: causal among the queries, everything visible before them.
    """
    length = key_visible.shape[1]
    ones = torch.ones(queries, length, dtype=torch.bool, device=key_visible.device)
    return key_visible[:, None, :] & ones.tril(length - queries)


def additive(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """Bool (True: may look) -> float (0 or the dtype's minimum), right for eager and sdpa alike.

    A bool or integer mask would be added to the scores by eager attention and be silently wrong;
    the minimum instead of -inf keeps rows without any visible key (padding) finite.
    """
    bias = torch.zeros(mask.shape, dtype=dtype, device=mask.device)
    return bias.masked_fill_(~mask, torch.finfo(dtype).min)
