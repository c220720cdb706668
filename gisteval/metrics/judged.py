"""What rows of verdicts are called; `gisteval.judging` computes them."""

from __future__ import annotations

from gisteval.metrics.base import JudgedMetric


class WinRate(JudgedMetric):
    """Mean of win 1, tie 1/2, loss 0 against the positive control."""

    name = "win_rate"
    title = "win rate"


class AdjustedWinRate(JudgedMetric):
    """The win rate at equal length, without the effect of position."""

    name = "win_rate_adjusted"
    title = "win rate, adjusted"
    paired = False
    compared = False
