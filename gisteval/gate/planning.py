"""`gisteval gate --plan`: the number of examples that a margin needs, and what more answers would bring."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
from gisteval.stats.samples import FloatArray
from gisteval.stats.spread import gains

USUAL_SD = 40.0
"""In points: assumed for win rates judged in both orders with some ties. Two runs give the true value."""

MARGINS = (1.0, 2.0, 3.0, 5.0, 7.0, 10.0)


@dataclass(frozen=True, slots=True)
class PlannedSampling:
    """What the number of answers to an example does to a split.

    With K answers each, the variance of the mean difference over n examples is (a + b / K) / n, where a is
    the variance between examples and b that between the answers to one.

    Attributes:
        answers: The number of answers to each example in the runs.
        share: The share of the variance of the mean that the answers cause, in percent.
        twice_answers: By how much the interval narrows with twice the answers, in percent.
        twice_examples: By how much it narrows with twice the examples, in percent.
        needed: The number of examples for the margin, by the number of answers to each; the key None stands
            for as many answers as one likes.
        break_even: More answers to the examples pay if a further example costs more than this number of
            answers, its own not counted: K^2 a / b. None if they never pay.
    """

    answers: int
    share: float
    twice_answers: float
    twice_examples: float
    needed: dict[int | None, int | None]
    break_even: float | None


@dataclass(frozen=True, slots=True)
class Planned:
    """The number of examples that a split needs if both systems are equally good.

    Attributes:
        split: The split; None without runs.
        sd: The standard deviation of the differences in points or the metric's unit, where the examples of
            an instruction count as one.
        examples: The number of examples of the runs; None without runs.
        needed: The number of examples for each margin; None if it is above 10 million.
        sampling: What more answers to an example would bring; None if the runs have one to each.
    """

    split: str | None
    sd: float
    examples: int | None
    needed: dict[float, int | None]
    sampling: PlannedSampling | None = None


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
        size = error.n / error.clusters
        needed = _needed(sd, options.margin, size, options.measured)

        def at(spread: float, size: float = size) -> int | None:
            return examples_to_show(spread, options.margin, options.margin, size, options.measured.span)

        sampling = plan_sampling(ours.repeats, theirs.repeats, sd, size, at)
        plans.append(Planned(split, sd, len(examples), needed, sampling))
    return plans


def plan_sampling(
    ours: FloatArray | None,
    theirs: FloatArray | None,
    sd: float,
    size: float,
    needed: Callable[[float], int | None],
) -> PlannedSampling | None:
    """Plan the number of answers from those of two runs.

    Answers with the same number are drawn with the same random numbers, so their differences count. If the
    runs have different numbers of answers, both variances count.

    Args:
        ours: The candidate's values by answer, shape (n, K), NaN where unknown; None if examples have one.
        theirs: The baseline's.
        sd: The standard deviation of the differences, where the examples of an instruction count as one.
        size: The mean number of examples of an instruction.
        needed: Gives the number of examples for a standard deviation.
    """
    both = [values for values in (ours, theirs) if values is not None]
    if not both or not np.isfinite(sd):
        return None
    if len(both) == 2 and both[0].shape == both[1].shape:
        both = [both[0] - both[1]]
    parts = [(mean_variance(values), values.shape[1]) for values in both]
    answers = max(count for _, count in parts)
    # Answers are independent, so those to the examples of one instruction average out.
    within = sum(variance for variance, _ in parts) / size
    now = sum(variance / count for variance, count in parts) / size
    between = max(sd**2 - now, 0.0)
    found = gains(between, within, answers)
    if found is None:
        return None
    counts = sorted({1, 2, answers, 2 * answers, 4 * answers})
    spreads = {count: float(np.sqrt(between + within / count)) for count in counts}
    return PlannedSampling(
        answers=answers,
        share=100.0 * found.share,
        twice_answers=100.0 * found.twice_samples,
        twice_examples=100.0 * found.twice_items,
        needed={**{c: needed(s) for c, s in spreads.items()}, None: needed(float(np.sqrt(between)))},
        break_even=answers**2 * between / within if within else None,
    )


def mean_variance(values: FloatArray) -> float:
    """Return the mean unbiased variance of the answers to an example, of values of shape (n, K)."""
    rows = values[(~np.isnan(values)).sum(axis=1) > 1]
    return float(np.nanvar(rows, axis=1, ddof=1).mean()) if len(rows) else 0.0


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
        if plan.sampling is not None:
            lines += _sampling_lines(plan.sampling, margin, unit)
    return "\n".join(lines)


def _sampling_lines(plan: PlannedSampling, margin: float, unit: str) -> Iterator[str]:
    yield f"  examples for {margin:g} {unit}, by the number of answers to each (now {plan.answers}):"
    for count, needed in plan.needed.items():
        many = "more than 10 million" if needed is None else f"{needed:,}"
        yield f"    {'any number' if count is None else count!s:>10}: {many}"
    yield (
        f"  the answers cause {plan.share:.0f}% of the variance: twice the answers would narrow the "
        f"interval by {plan.twice_answers:.0f}%,"
    )
    yield f"  twice the examples by {plan.twice_examples:.0f}%"
    if plan.break_even is None:
        yield "  more examples pay, never more answers: those to one example do not differ"
    else:
        yield (
            f"  more examples pay, unless an example costs more than {plan.break_even:.3g} answers: then "
            "more answers do"
        )


def _needed(sd: float, margin: float, cluster_size: float, measured: Metric) -> dict[float, int | None]:
    usual = MARGINS if measured.unit == "percent" else (margin / 2.0, 2.0 * margin)
    margins = sorted({*usual, margin})
    if not np.isfinite(sd):
        return dict.fromkeys(margins)
    return {size: examples_to_show(sd, size, size, cluster_size, measured.span) for size in margins}
