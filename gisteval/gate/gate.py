"""`gisteval gate`: compare two runs and decide PASS, FAIL or INCONCLUSIVE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from gisteval import stats
from gisteval.errors import InvalidRun, counted
from gisteval.gate.checks import Pairing, fixed_check, fixed_checks, watched_checks
from gisteval.gate.decision import (
    Check,
    Outcome,
    Power,
    adjust,
    overall,
    power,
)
from gisteval.gate.margins import Allowance, allowance
from gisteval.gate.measures import WIN_RATE, SideValues, score_values
from gisteval.gate.options import GateOptions
from gisteval.gate.sequential import Looks
from gisteval.gate.sides import Side, choose_side, shared_examples, shared_splits
from gisteval.gate.trust import JudgeStudies, judge_studies
from gisteval.gate.win_rates import check_same_positive, choose_judge, win_rate_values
from gisteval.records.manifest import JudgeFacts
from gisteval.records.schema import Example
from gisteval.scores.comparison import paired_difference

PERMUTATIONS = 10_000
"""The number of random sign flips for the second p-value."""

EXIT_CODES: dict[Outcome, int] = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3}


@dataclass(frozen=True, slots=True)
class SplitResult:
    """The result on one split.

    Attributes:
        split: The split.
        examples: The number of examples.
        checks: The check of the difference, then those of the gain and the win rate if they were asked for.
        paired: The paired tests of the difference.
        power: What the sample can detect.
        candidate: The candidate's values.
        baseline: The baseline's values.
        margin: The margin, in `unit`; of a share, as estimated here.
        unit: The unit of differences.
        doubt: Why the judge's verdicts are too few to tell it from guessing; then there is no verdict.
        equivalent: The p-value of a difference of at least the margin in either direction.
        looks: How far a sequential gate looked; None for one that looks once.
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
    equivalent: float = 1.0
    looks: Looks | None = None

    @property
    def number(self) -> str:
        """The format of a number in the metric's unit."""
        return ".1f" if self.unit == "points" else ".3g"

    @property
    def outcome(self) -> Outcome:
        """FAIL if any check failed, PASS if all passed. INCONCLUSIVE if the judge is in doubt."""
        return "INCONCLUSIVE" if self.doubt else overall([check.outcome for check in self.checks])

    @property
    def warnings(self) -> list[str]:
        """What a reader must know besides the verdict."""
        warnings = []
        difference = self.checks[0]
        if difference.outcome == "PASS" and difference.estimate.ci_high < 0.0:
            warnings.append(f"{self.split}: worse than the baseline, though by less than the margin")
        if self.outcome == "INCONCLUSIVE" and not self.looks and self.power.detectable > self.margin:
            warnings.append(
                f"{self.split}: {counted(difference.estimate.n, 'example')} can't detect a difference "
                f"below {self.power.detectable:{self.number}} {self.unit} (80% power), and the margin is "
                f"{self.margin:g}"
            )
        for side in dict.fromkeys(str(s.unread) for s in (self.candidate, self.baseline) if s.unread):
            warnings.append(f"{self.split}: {side}")
        for check in self.checks:
            if check.rests_on_missing:
                missing = counted(check.missing, "example has", "examples have")
                warnings.append(
                    f"{self.split}: {missing} no value, and counting them as losses would change PASS of "
                    f"the {check.name}"
                )
        return warnings


@dataclass(frozen=True, slots=True)
class GateResult:
    """The verdict on all splits with everything that it depends on."""

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
        """Why the judge can't be told from guessing; it is the same on all splits."""
        return self.splits[0].doubt

    @property
    def exit_code(self) -> int:
        """0 for PASS, 1 for FAIL, 3 for INCONCLUSIVE.

        The options may count INCONCLUSIVE as PASS or FAIL, but a doubt about the judge never as PASS.
        """
        if self.doubt and self.options.inconclusive == "pass":
            return EXIT_CODES["INCONCLUSIVE"]
        if self.outcome == "INCONCLUSIVE" and self.options.inconclusive:
            return EXIT_CODES["PASS" if self.options.inconclusive == "pass" else "FAIL"]
        return EXIT_CODES[self.outcome]


def run_gate(options: GateOptions) -> GateResult:
    """Compare the candidate with the baseline.

    Raises:
        GistevalError: The options are unclear (exit code 2).
        InvalidRun: The runs can't answer the question (exit code 4).
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
    """Return the two systems that the options name."""
    candidate = choose_side(options.candidate, options.system, "--system")
    return candidate, choose_side(
        options.baseline, options.baseline_system, "--baseline-system", like=candidate.system
    )


def measure_sides(
    options: GateOptions, candidate: Side, baseline: Side, split: str, studies: JudgeStudies | None
) -> tuple[SideValues, SideValues, Sequence[Example]]:
    """Read both sides' values on one split, and its examples."""
    examples = shared_examples(candidate, baseline, split)
    if studies is None:
        ours, theirs = (score_values(s, split, examples, options.measured) for s in (candidate, baseline))
        return ours, theirs, examples
    ours, theirs = (
        win_rate_values(s, split, examples, studies.study(s), options.sequential)
        for s in (candidate, baseline)
    )
    if ours.judge and theirs.judge:
        opponents = (ours.judge.reference, theirs.judge.reference)
        check_same_positive(candidate, baseline, opponents, split, examples)
    return ours, theirs, examples


def _measure(
    options: GateOptions, candidate: Side, baseline: Side, split: str, studies: JudgeStudies | None
) -> SplitResult:
    ours, theirs, examples = measure_sides(options, candidate, baseline, split, studies)
    metric, clusters = options.measured, [example.instruction for example in examples]
    pairing = _pairing(options, ours, theirs, clusters, one_is_even(candidate, baseline, studies))
    better, than, reach = pairing.better, pairing.than, pairing.reach
    paired = paired_difference(metric, better, than, clusters, permutations=PERMUTATIONS, span=reach)
    if paired is None:
        raise InvalidRun(f"split {split}: no example has a value of {options.metric} on both sides")
    sides = (candidate, baseline)
    allowed = allowance(options.allowed, metric, sides, split, examples, theirs.values, studies)
    margin: float | Allowance = options.margin if allowed is None else allowed
    looks = None
    if options.sequential:
        checks, looks = watched_checks(pairing, options.margin, options.min_win_rate, options.equivalence)
    else:
        checks = fixed_checks(pairing, margin, options.min_win_rate, options.equivalence)
    gain = checks[1] if options.equivalence else fixed_check(pairing.swapped, margin)
    points = options.margin if allowed is None else allowed.mean
    return SplitResult(
        split=split,
        examples=len(clusters),
        checks=tuple(checks),
        paired=paired,
        power=power(better - than, clusters, max(points, 1e-9), checks[0].estimate, metric.span),
        candidate=ours,
        baseline=theirs,
        margin=points,
        unit=options.unit,
        doubt=studies.doubt if studies else "",
        equivalent=max(checks[0].p_above, gain.p_above),
        looks=looks,
    )


def one_is_even(candidate: Side, baseline: Side, studies: JudgeStudies | None) -> bool:
    """Whether one side is the control that the other's win rates are against: its own are all 50."""
    return studies is not None and (candidate.is_positive or baseline.is_positive)


def _pairing(
    options: GateOptions, ours: SideValues, theirs: SideValues, clusters: Sequence[str], even: bool
) -> Pairing:
    """Turn both sides' values so that higher ones are better, whatever the metric."""
    metric = options.measured
    ends = None
    if metric.worst is not None and metric.best is not None:
        ends = metric.sign * metric.worst, metric.sign * metric.best
    hidden = [side.unseen for side in (ours, theirs) if side.unseen is not None]
    return Pairing(
        better=metric.sign * ours.values,
        than=metric.sign * theirs.values,
        clusters=clusters,
        absent=(ours.absent, theirs.absent),
        reach=50.0 if even else metric.span,  # no difference from a win rate of 50 exceeds 50
        ends=ends,
        unseen=np.logical_or.reduce(hidden) if hidden else None,
    )


def _judge_digest(candidate: Side, baseline: Side, judge: str) -> str | None:
    """Return the digest of the judge's prompt.

    Raises:
        InvalidRun: The runs were judged with different prompts or parameters.
    """
    ours, theirs = (side.run.judges.get(judge, JudgeFacts()) for side in (candidate, baseline))
    if not candidate.is_positive and not baseline.is_positive and ours.identity != theirs.identity:
        parts = ("version", "model", "base_url", "prompt")
        differ = [part for part in parts if getattr(ours, part) != getattr(theirs, part)]
        raise InvalidRun(
            f"judge {judge} of {candidate.run.path} differs from that of {baseline.run.path} in its "
            f"{', '.join(differ) or 'parameters'}: judge both runs in the same way"
        )
    return theirs.prompt if ours.prompt is None else ours.prompt


def _notes(
    options: GateOptions, candidate: Side, baseline: Side, splits: Sequence[str], judge: str | None
) -> list[str]:
    notes = []
    left_out = {*candidate.run.splits, *baseline.run.splits} - set(splits)
    if left_out and not options.splits:
        notes.append(f"left out, since only one run has it: {', '.join(sorted(left_out))}")
    if options.measured.direction == "lower":
        notes.append(
            f"lower is better in {options.metric}: a difference is the baseline's less the candidate's"
        )
    if options.margin < 0.5 and options.unit == "points" and options.margin_kind == "points":
        notes.append(f"the margin is {options.margin:g} points of 100, not a share of 1")
    if judge == "reference":
        notes.append("the reference judge detects failed outputs, but not small differences in quality")
    return notes
