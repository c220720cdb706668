"""What diagnostics measure. docs/diagnostics.md has the formulas and their sources."""

from __future__ import annotations

from typing import ClassVar

from gisteval.metrics.base import Direction, Metric


class Share(Metric):
    """A share in percent, which grades no answer and is compared with nothing."""

    direction: ClassVar[Direction] = "higher"
    graded = False
    paired = False


class Quantity(Metric):
    """A number without an upper end, likewise."""

    direction: ClassVar[Direction] = "lower"
    low: ClassVar[float | None] = 0.0
    high: ClassVar[float | None] = None
    graded = False
    paired = False


class Loss(Quantity):
    """The negative log-likelihood of the reference answer, as the mean over its tokens."""

    name = "nll"
    title = "loss"
    unit = "nats a token"
    digits = 3


class DeltaNll(Quantity):
    """The loss on the first H tokens of an answer, less that of the full prompt."""

    name = "delta_nll"
    title = "ΔNLL"
    unit = "nats a token"
    low = None
    digits = 3


class DeltaNll1(DeltaNll):
    """On the first token."""

    name = "delta_nll@1"
    title = "ΔNLL@1"


class DeltaNll8(DeltaNll):
    """On the first 8 tokens."""

    name = "delta_nll@8"
    title = "ΔNLL@8"


class DeltaNll32(DeltaNll):
    """On the first 32 tokens."""

    name = "delta_nll@32"
    title = "ΔNLL@32"


class DeltaNll128(DeltaNll):
    """On the first 128 tokens."""

    name = "delta_nll@128"
    title = "ΔNLL@128"


class Kl(Quantity):
    """The divergence of the next token's distribution from that of the full prompt."""

    name = "kl"
    title = "KL"
    unit = "nats a token"
    digits = 3


class Top1(Share):
    """The share of tokens at which both would choose the same next token."""

    name = "top1"
    title = "same top token"


class Agreed(Quantity):
    """The number of tokens before the first at which both would choose another one."""

    name = "agreed"
    title = "tokens until they part"
    unit = "tokens"
    direction = "higher"


class SameAnswer(Share):
    """The share of answers along which both would choose the same tokens to the end."""

    name = "same_answer"
    title = "never part"


class GreedyExact(Share):
    """The share of answers that are the reference, token by token, where each token is the likeliest."""

    name = "greedy_exact"
    title = "reference found"


class Spread(Share):
    """The share of the size of gist states that differs between instructions: the collapse index."""

    name = "spread"
    title = "differs between instructions"


class Rank(Quantity):
    """The effective rank of gist states across instructions."""

    name = "effective_rank"
    title = "effective rank"
    unit = "directions"
    direction = "higher"


class Cosine(Quantity):
    """The cosine of the gist states that two models make of one instruction."""

    name = "cosine"
    title = "cosine"
    unit = "cosine"
    direction = "higher"
    low = -1.0
    high = 1.0
    digits = 3


class Dependency(Quantity):
    """The slots attended to over all tokens of an answer, summed."""

    name = "dep"
    title = "Dep"
    unit = "slots"
    digits = 0


class PeakSlots(Quantity):
    """The most slots attended to at a time."""

    name = "peak_slots"
    title = "peak"
    unit = "slots"


class MeanSlots(Quantity):
    """The slots attended to by a token of an answer, on average."""

    name = "mean_slots"
    title = "mean"
    unit = "slots"


class LossGap(Quantity):
    """The loss in training less that of the positive control at the same step."""

    name = "loss_gap"
    title = "loss above the control's"
    unit = "nats a token"
    low = None
    digits = 3


class NeedsMore(Share):
    """The share of instructions that a larger k serves better."""

    direction = "lower"
    name = "needs_more"
    title = "instructions that need more"


_KINDS: tuple[type[Metric], ...] = (
    *(Loss, DeltaNll, DeltaNll1, DeltaNll8, DeltaNll32, DeltaNll128, Kl, Top1, Agreed, SameAnswer),
    *(GreedyExact, Spread, Rank, Cosine, Dependency, PeakSlots, MeanSlots, LossGap, NeedsMore),
)

DIAGNOSTIC_METRICS = {kind.name: kind() for kind in _KINDS}
"""By name. They are measured by passes of their own, so no task can name them."""
