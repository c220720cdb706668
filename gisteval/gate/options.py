"""The options of `gisteval gate`, checked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gisteval.errors import GistevalError
from gisteval.gate.margins import Margin, MarginKind
from gisteval.gate.measures import WIN_RATE, gate_metric
from gisteval.metrics import Metric
from gisteval.stats import MARGIN

Inconclusive = Literal["fail", "pass"]


@dataclass(frozen=True, slots=True)
class GateOptions:
    """The two runs, and what is asked of them.

    Attributes:
        candidate: The folder of the candidate's run.
        baseline: The folder of the baseline's run.
        metric: A metric that has a value for each example.
        margin: The largest loss that may pass: in points, or in the metric's unit if that is not percent;
            of another kind, the share that may be lost, in [0, 1].
        margin_kind: What the margin is of, as in `Margin`.
        min_win_rate: A win rate in percent that the candidate must exceed as well, if given.
        splits: The splits. Empty: all that both runs have.
        judge: The judge of the win rates, if there are several.
        system: The candidate's system, if its run has several.
        baseline_system: The baseline's system, if its run has several.
        inconclusive: What INCONCLUSIVE counts as in the exit code; None: an exit code of its own.
        sequential: Whether the verdict must hold at every look, and pairs may be unjudged.
        equivalence: Whether the candidate must not be better by the margin either.
    """

    candidate: Path
    baseline: Path
    metric: str = WIN_RATE
    margin: float = MARGIN
    margin_kind: MarginKind = "points"
    min_win_rate: float | None = None
    splits: tuple[str, ...] = ()
    judge: str | None = None
    system: str | None = None
    baseline_system: str | None = None
    inconclusive: Inconclusive | None = None
    sequential: bool = False
    equivalence: bool = False

    def __post_init__(self) -> None:
        span = self.measured.span
        if self.margin_kind == "points" and not 0.0 < self.margin < (math.inf if span is None else span):
            below = "above 0" if span is None else f"between 0 and {span:g}"
            raise GistevalError(f"--margin is in {self.unit}, {below}, not {self.margin:g}")
        if self.sequential and span is None:
            raise GistevalError(f"--sequential needs a metric with a range, and {self.metric} has none")
        if self.sequential and self.margin_kind != "points":
            raise GistevalError(
                "--sequential needs a --margin in points: the controls' gap is known at the end only"
            )
        if self.min_win_rate is not None and self.metric != WIN_RATE:
            raise GistevalError("--min-win-rate needs --metric win_rate")
        if self.min_win_rate is not None and not 0.0 < self.min_win_rate < 100.0:
            raise GistevalError(f"--min-win-rate is in percent (0 to 100), not {self.min_win_rate:g}")
        if self.inconclusive not in (None, "fail", "pass"):
            raise GistevalError(f"--inconclusive is fail or pass, not {self.inconclusive!r}")
        if self.judge is not None and self.metric != WIN_RATE:
            raise GistevalError("--judge needs --metric win_rate")

    @property
    def measured(self) -> Metric:
        """The metric.

        Raises:
            GistevalError: There is no metric of that name, or it has no value for each example.
        """
        return gate_metric(self.metric)

    @property
    def allowed(self) -> Margin:
        """The margin with its kind."""
        return Margin(self.margin, self.margin_kind)

    @property
    def unit(self) -> str:
        """The unit of differences and of the margin."""
        return "points" if self.measured.unit == "percent" else self.measured.unit


def default_margin(metric: Metric) -> float:
    """Return the margin that is used if none is given, in points.

    Raises:
        GistevalError: The metric is not in percent, so it has no default margin.
    """
    if metric.unit != "percent":
        raise GistevalError(
            f"{metric.name} is in {metric.unit}: give the largest loss that may pass with --margin"
        )
    return MARGIN
