"""`gisteval gate --plan`: the number of examples that a margin needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gisteval.errors import counted
from gisteval.gate.decision import examples_to_show
from gisteval.gate.gate import gate_sides, measure_sides
from gisteval.gate.measures import WIN_RATE
from gisteval.gate.options import GateOptions
from gisteval.gate.sides import shared_splits
from gisteval.gate.trust import judge_studies
from gisteval.gate.win_rates import choose_judge
from gisteval.metrics import Metric, metric
from gisteval.stats.intervals import mean_error

USUAL_SD = 40.0
"""In points: assumed for win rates judged in both orders with some ties. Two runs give the true value."""

MARGINS = (1.0, 2.0, 3.0, 5.0, 7.0, 10.0)


@dataclass(frozen=True, slots=True)
class Planned:
    """The number of examples that a split needs if both systems are equally good.

    Attributes:
        split: The split; None without runs.
        sd: The standard deviation of the differences in points or the metric's unit, where the examples of
            an instruction count as one.
        examples: The number of examples of the runs; None without runs.
        needed: The number of examples for each margin; None if it is above 10 million.
    """

    split: str | None
    sd: float
    examples: int | None
    needed: dict[float, int | None]


def plan_without_runs(margin: float, sd: float = USUAL_SD) -> list[Planned]:
    """Plan for independent examples with an assumed standard deviation, in points."""
    return [Planned(None, sd, None, _needed(sd, margin, 1.0, metric(WIN_RATE)))]


def plan_from_runs(options: GateOptions) -> list[Planned]:
    """Plan each split from the standard deviation in two runs. Raises as `run_gate` does."""
    candidate, baseline = gate_sides(options)
    judge = choose_judge((candidate, baseline), options.judge) if options.metric == WIN_RATE else None
    studies = judge_studies((candidate, baseline), judge) if judge else None
    plans = []
    for split in shared_splits(candidate, baseline, options.splits):
        ours, theirs, examples = measure_sides(options, candidate, baseline, split, studies)
        differences = ours.values - theirs.values
        known = ~np.isnan(differences)
        labels = [example.instruction for example, keep in zip(examples, known, strict=True) if keep]
        error = mean_error(differences[known], labels)
        sd = float(error.standard_error * np.sqrt(error.clusters))
        needed = _needed(sd, options.margin, error.n / error.clusters, options.measured)
        plans.append(Planned(split, sd, len(examples), needed))
    return plans


def plan_text(plans: list[Planned], margin: float, unit: str = "points") -> str:
    """Write the plan with a line for each split and margin."""
    number = ".1f" if unit == "points" else ".3g"
    lines = ["examples needed to PASS in 80% of the cases if both systems are equally good"]
    for plan in plans:
        have = "" if plan.examples is None else f", {counted(plan.examples, 'example')} at hand"
        lines.append(f"{plan.split or 'any split'}: standard deviation {plan.sd:{number}} {unit}{have}")
        for size, needed in plan.needed.items():
            count = "more than 10 million" if needed is None else f"{needed:,}"
            mark = "  <- --margin" if size == margin else ""
            lines.append(f"  margin {size:>4g} {unit}: {count}{mark}")
    return "\n".join(lines)


def _needed(sd: float, margin: float, cluster_size: float, measured: Metric) -> dict[float, int | None]:
    usual = MARGINS if measured.unit == "percent" else (margin / 2.0, 2.0 * margin)
    margins = sorted({*usual, margin})
    if not np.isfinite(sd):
        return dict.fromkeys(margins)
    return {size: examples_to_show(sd, size, size, cluster_size, measured.span) for size in margins}
