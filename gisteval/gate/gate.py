"""`gisteval gate`: two runs in, PASS, FAIL or INCONCLUSIVE out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Literal

from gisteval import stats
from gisteval.errors import GistevalError, InvalidRun, counted
from gisteval.gate.decision import (
    Check,
    Outcome,
    Power,
    adjust,
    difference_check,
    floor_check,
    overall,
    power,
)
from gisteval.gate.measures import (
    WIN_RATE,
    SideValues,
    check_same_positive,
    choose_judge,
    gate_metric,
    score_values,
    win_rate_values,
)
from gisteval.gate.sides import Side, choose_side, shared_examples, shared_splits
from gisteval.gate.trust import JudgeStudies, judge_studies
from gisteval.metrics import Metric
from gisteval.records.manifest import JudgeFacts
from gisteval.scores.comparison import paired_difference
from gisteval.stats import MARGIN

Inconclusive = Literal["fail", "pass"]

PERMUTATIONS = 10_000
"""Random sign flips of the second p-value."""

EXIT_CODES: dict[Outcome, int] = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3}


@dataclass(frozen=True, slots=True)
class GateOptions:
    """What is compared and what is asked of it.

    metric: any that has a value for each example. margin: in points, or in the metric's unit where that is
    not percent; min_win_rate: in percent. splits: all that both runs have if empty. inconclusive: what that
    counts as, by default neither.
    """

    candidate: Path
    baseline: Path
    metric: str = WIN_RATE
    margin: float = MARGIN
    min_win_rate: float | None = None
    splits: tuple[str, ...] = ()
    judge: str | None = None
    system: str | None = None
    baseline_system: str | None = None
    inconclusive: Inconclusive | None = None

    def __post_init__(self) -> None:
        span = self.measured.span
        if not 0.0 < self.margin < (math.inf if span is None else span):
            below = "above 0" if span is None else f"between 0 and {span:g}"
            raise GistevalError(f"--margin is in {self.unit}, {below}, not {self.margin:g}")
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
        """The metric. Raises GistevalError if there is none of that name, or it has no value an example."""
        return gate_metric(self.metric)

    @property
    def unit(self) -> str:
        """That of differences and the margin."""
        return "points" if self.measured.unit == "percent" else self.measured.unit


def default_margin(metric: Metric) -> float:
    """The margin where none is given. Raises GistevalError for a metric that is not in percent."""
    if metric.unit != "percent":
        raise GistevalError(f"{metric.name} is in {metric.unit}: say with --margin how much worse may pass")
    return MARGIN


@dataclass(frozen=True, slots=True)
class SplitResult:
    """One split: its checks, the paired tests of the difference, and what the sample can show.

    doubt: why so few comparisons can't tell the judge from one that guesses. Then there is no verdict.
    """

    split: str
    examples: int
    checks: tuple[Check, ...]
    paired: stats.PairedDifference
    power: Power
    candidate: SideValues
    baseline: SideValues
    margin: float
    unit: str = "points"
    doubt: str = ""

    @property
    def number(self) -> str:
        """How a number of the metric is written."""
        return ".1f" if self.unit == "points" else ".3g"

    @property
    def outcome(self) -> Outcome:
        """FAIL if any check failed, PASS if all passed; INCONCLUSIVE if the judge is in doubt."""
        return "INCONCLUSIVE" if self.doubt else overall([check.outcome for check in self.checks])

    @property
    def warnings(self) -> list[str]:
        """What a reader must know beside the verdict."""
        found = []
        difference = self.checks[0]
        if difference.outcome == "PASS" and difference.estimate.ci_high < 0.0:
            found.append(f"{self.split}: worse than the baseline, though by less than the margin")
        if self.outcome == "INCONCLUSIVE" and self.power.detectable > self.margin:
            found.append(
                f"{self.split}: {counted(difference.estimate.n, 'example')} can't show a difference below "
                f"{self.power.detectable:{self.number}} {self.unit} (80% power), and the margin is "
                f"{self.margin:g}"
            )
        for side in dict.fromkeys(str(s.unread) for s in (self.candidate, self.baseline) if s.unread):
            found.append(f"{self.split}: {side}")
        for check in self.checks:
            if check.rests_on_missing:
                missing = counted(check.missing, "example has", "examples have")
                found.append(
                    f"{self.split}: {missing} no value, and counting them as losses would change PASS of "
                    f"the {check.name}"
                )
        return found


@dataclass(frozen=True, slots=True)
class GateResult:
    """The verdict on all splits and everything it rests on."""

    options: GateOptions
    candidate: Side
    baseline: Side
    judge: str | None
    judge_digest: str | None
    splits: tuple[SplitResult, ...]
    warnings: tuple[str, ...]

    @property
    def outcome(self) -> Outcome:
        """FAIL if any split failed, PASS if all passed."""
        return overall([split.outcome for split in self.splits])

    @property
    def doubt(self) -> str:
        """Why the judge can't be told from one that guesses; it is the same on all splits."""
        return self.splits[0].doubt

    @property
    def exit_code(self) -> int:
        """0 PASS, 1 FAIL, 3 INCONCLUSIVE unless that counts as one of them; a doubt never as PASS."""
        if self.doubt and self.options.inconclusive == "pass":
            return EXIT_CODES["INCONCLUSIVE"]
        if self.outcome == "INCONCLUSIVE" and self.options.inconclusive:
            return EXIT_CODES["PASS" if self.options.inconclusive == "pass" else "FAIL"]
        return EXIT_CODES[self.outcome]


def run_gate(options: GateOptions) -> GateResult:
    """Compare the candidate with the baseline.

    Raises GistevalError if the question is unclear (2), InvalidRun if the runs can't answer it (4).
    """
    candidate, baseline = gate_sides(options)
    splits = shared_splits(candidate, baseline, options.splits)
    judge = choose_judge((candidate, baseline), options.judge) if options.metric == WIN_RATE else None
    digest = _judge_digest(candidate, baseline, judge) if judge else None
    studies = judge_studies((candidate, baseline), judge) if judge else None
    if studies is not None:
        studies.check((candidate, baseline), splits)
    results = [_measure(options, candidate, baseline, split, studies) for split in splits]
    adjusted = iter(adjust([check for result in results for check in result.checks]))
    results = [replace(r, checks=tuple(islice(adjusted, len(r.checks)))) for r in results]
    warnings = [*_notes(options, candidate, baseline, splits, judge), *(studies.caveats if studies else ())]
    if results[0].doubt:
        reason = "no verdict, since there are too few comparisons to tell the judge from guessing"
        warnings.append(f"{reason}: {results[0].doubt}")
    warnings += [warning for result in results for warning in result.warnings]
    return GateResult(options, candidate, baseline, judge, digest, tuple(results), tuple(warnings))


def gate_sides(options: GateOptions) -> tuple[Side, Side]:
    """The two systems that the options name."""
    candidate = choose_side(options.candidate, options.system, "--system")
    return candidate, choose_side(
        options.baseline, options.baseline_system, "--baseline-system", like=candidate.system
    )


def measure_sides(
    options: GateOptions, candidate: Side, baseline: Side, split: str, studies: JudgeStudies | None
) -> tuple[SideValues, SideValues, list[str]]:
    """Both sides' values on one split and the cluster labels (the instructions) of its examples."""
    examples = shared_examples(candidate, baseline, split)
    clusters = [example.instruction for example in examples]
    if studies is None:
        ours, theirs = (score_values(s, split, examples, options.measured) for s in (candidate, baseline))
        return ours, theirs, clusters
    ours, theirs = (win_rate_values(s, split, examples, studies.study(s)) for s in (candidate, baseline))
    if ours.judge and theirs.judge:
        opponents = (ours.judge.reference, theirs.judge.reference)
        check_same_positive(candidate, baseline, opponents, split, examples)
    return ours, theirs, clusters


def _measure(
    options: GateOptions, candidate: Side, baseline: Side, split: str, studies: JudgeStudies | None
) -> SplitResult:
    ours, theirs, clusters = measure_sides(options, candidate, baseline, split, studies)
    metric = options.measured
    # Whatever the metric, a higher value is the better one from here on.
    better, than = metric.sign * ours.values, metric.sign * theirs.values
    absent = ours.absent, theirs.absent
    # Against its judge's own reference, whose rate is 50, no difference exceeds 50.
    reach = 50.0 if studies and (candidate.is_positive or baseline.is_positive) else metric.span
    paired = paired_difference(metric, better, than, clusters, permutations=PERMUTATIONS, span=reach)
    if paired is None:
        raise InvalidRun(f"split {split}: no example has a value of {options.metric} on both sides")
    ends = None
    if metric.worst is not None and metric.best is not None:
        ends = metric.sign * metric.worst, metric.sign * metric.best
    checks = [difference_check(better, than, clusters, options.margin, absent, reach, ends)]
    if options.min_win_rate is not None:
        checks.append(floor_check(ours.values, clusters, options.min_win_rate, absent[0]))
    return SplitResult(
        split=split,
        examples=len(clusters),
        checks=tuple(checks),
        paired=paired,
        power=power(better - than, clusters, options.margin, checks[0].estimate, metric.span),
        candidate=ours,
        baseline=theirs,
        margin=options.margin,
        unit=options.unit,
        doubt=studies.doubt if studies else "",
    )


def _judge_digest(candidate: Side, baseline: Side, judge: str) -> str | None:
    """The judge's prompt digest. Raises InvalidRun if the runs were judged under different ones."""
    ours, theirs = (side.run.judges.get(judge, JudgeFacts()) for side in (candidate, baseline))
    if not candidate.is_positive and not baseline.is_positive and ours.identity != theirs.identity:
        parts = ("version", "model", "base_url", "prompt")
        differ = [part for part in parts if getattr(ours, part) != getattr(theirs, part)]
        raise InvalidRun(
            f"judge {judge} of {candidate.run.path} is not that of {baseline.run.path} (its "
            f"{', '.join(differ) or 'parameters'} differ): judge both runs alike"
        )
    return theirs.prompt if ours.prompt is None else ours.prompt


def _notes(
    options: GateOptions, candidate: Side, baseline: Side, splits: Sequence[str], judge: str | None
) -> list[str]:
    notes = []
    left_out = {*candidate.run.splits, *baseline.run.splits} - set(splits)
    if left_out and not options.splits:
        notes.append(f"only one run has {', '.join(sorted(left_out))}: left out")
    if options.measured.direction == "lower":
        notes.append(
            f"lower is better in {options.metric}: a difference is the baseline's less the candidate's"
        )
    if options.margin < 0.5 and options.unit == "points":
        notes.append(f"the margin is {options.margin:g} points of 100, not a share of 1")
    if judge == "reference":
        notes.append("the reference judge finds collapses, not fine preference")
    return notes
