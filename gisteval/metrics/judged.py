"""The metrics of a judge's verdicts. `gisteval.judging` computes their values."""

from __future__ import annotations

from gisteval.metrics.base import JudgedMetric


class WinRate(JudgedMetric):
    """The win rate against the positive control: the mean of win 1, tie 1/2 and loss 0, in percent."""

    name = "win_rate"
    title = "win rate"


class AdjustedWinRate(JudgedMetric):
    """The win rate adjusted for length and position: at equal lengths, in neither position."""

    name = "win_rate_adjusted"
    title = "win rate, adjusted"
    paired = False
    compared = False
