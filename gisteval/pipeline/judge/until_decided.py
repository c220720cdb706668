"""`gisteval judge --until-decided`: judges in a random order, and stops once the gate has a verdict.

After every few instructions the sequential gate is asked. Its error holds at all looks together, so
stopping at its verdict is no cheating.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from gisteval.errors import InvalidRun, counted
from gisteval.gate.decision import Outcome
from gisteval.gate.gate import GateResult, gate_sides, run_gate
from gisteval.gate.options import GateOptions
from gisteval.gate.sequential import look_order
from gisteval.gate.sides import Side, shared_examples, shared_splits
from gisteval.gate.trust import UnderVeto
from gisteval.judging.protocol import Matchup
from gisteval.judging.study import matchups
from gisteval.judging.veto import stated_trust
from gisteval.logs import progress, run_log
from gisteval.pipeline.judge.judge_run import check_trust, judge_missing, without_verdict
from gisteval.pipeline.judge.options import JudgeOptions
from gisteval.pipeline.judge.prepared import PreparedJudge, prepare_judge
from gisteval.pipeline.judge.results import write_judging
from gisteval.records.judge_figures import JudgingEntry
from gisteval.records.run_folder import RunFolder
from gisteval.scores.facts import negatives

FIRST_LOOK = 16
"""Instructions of each split that are judged before the gate is asked for the first time."""

GROWTH = 0.1
"""By which share the number of instructions grows from look to look, but by at least FIRST_LOOK / 2."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """What judging until a verdict came to.

    Attributes:
        outcome: The gate's verdict.
        splits: The verdict on each split.
        pairs: How many pairs of each split the verdict rests on.
        of: How many pairs each split has.
        looks: How often the gate was asked.
        made: Comparisons that have a verdict now.
        saved: Comparisons that judging all pairs of the same systems would still need.
        cost: Dollars that the comparisons cost.
        cost_saved: Dollars that the others would cost, at the mean cost of those made.
        trusted_by: The run whose verdicts tell the judge from guessing, where those of this run are too
            few; empty otherwise.
    """

    outcome: Outcome
    splits: dict[str, Outcome]
    pairs: dict[str, int]
    of: dict[str, int]
    looks: int
    made: int
    saved: int
    cost: float
    cost_saved: float
    trusted_by: str = ""

    @property
    def text(self) -> str:
        """The decision in words."""
        splits = ", ".join(
            f"{split} {outcome} after {self.pairs[split]} of {counted(self.of[split], 'pair')}"
            for split, outcome in self.splits.items()
        )
        elsewhere = (
            f"\nthe verdict holds all the same: in {self.trusted_by} the judge is told from guessing"
            if self.trusted_by
            else ""
        )
        return (
            f"{self.outcome}: {splits}\n{counted(self.made, 'comparison')} made (${self.cost:.2f}), "
            f"{self.saved} saved (about ${self.cost_saved:.2f}), {counted(self.looks, 'look')}{elsewhere}"
        )


@dataclass
class Frontier:
    """How far each split is judged.

    Attributes:
        order: The instructions of each split, in the order of the looks.
        reached: How many of them are judged.
        systems: The systems that are judged.
    """

    order: dict[str, list[str]]
    systems: frozenset[str]
    reached: dict[str, int] = field(default_factory=dict)

    def pairs(self, matchup: Matchup) -> set[str]:
        """The pairs of a matchup that lie within the looks so far."""
        if matchup.system not in self.systems or matchup.split not in self.order:
            return set()
        seen = set(self.order[matchup.split][: self.reached.get(matchup.split, 0)])
        return {pair for pair, example in matchup.pairs.items() if example.instruction in seen}

    def advance(self, splits: Sequence[str]) -> bool:
        """Let some splits grow; False if none of them can."""
        grown = False
        for split in splits:
            now = self.reached.get(split, 0)
            step = max(int(GROWTH * now), FIRST_LOOK // 2) if now else FIRST_LOOK
            self.reached[split] = min(now + step, len(self.order[split]))
            grown |= self.reached[split] > now
        return grown


def judge_until_decided(path: Path, options: JudgeOptions) -> tuple[list[JudgingEntry], Stopped]:
    """Judge a finished run until the sequential gate has a verdict, or all pairs are judged.

    Verdicts and report are saved even if an error follows.

    Args:
        path: The run's folder.
        options: The judge, the baseline and the margin.

    Returns:
        The judge's entries of results.json, and the decision.

    Raises:
        GistevalError: Something is wrong that the user can correct.
        InvalidRun: The runs can't be compared, or the judge is under veto.
    """
    assert options.baseline is not None
    RunFolder.open(path).results()
    prepared = prepare_judge(options)
    prepared.check_access()
    question = GateOptions(
        path,
        options.baseline,
        margin=options.margin,
        judge=prepared.label,
        system=options.system,
        baseline_system=options.baseline_system,
        sequential=True,
    )
    frontier = _frontier(question, prepared)
    with RunFolder.editing(path) as folder, run_log(path):
        try:
            result, looks = _look(folder, prepared, question, frontier)
        finally:
            entries = [entry for entry in write_judging(folder) if entry.judges == (prepared.label,)]
        stopped = _stopped(folder, prepared, frontier, result, looks)
    check_trust(path, entries)
    doubted = any(trust.doubt for trust in stated_trust(entries).values())
    if doubted and not result.doubt:
        stopped = replace(stopped, trusted_by=str(options.baseline))
    progress.info("%s", stopped.text)
    return entries, stopped


def _frontier(question: GateOptions, prepared: PreparedJudge) -> Frontier:
    """Check what can be checked before anything is asked, and start without looks."""
    candidate, baseline = gate_sides(question)
    order = {
        split: look_order([e.instruction for e in shared_examples(candidate, baseline, split)])
        for split in shared_splits(candidate, baseline, ())
    }
    run = candidate.run
    same_run = baseline.run.path.resolve() == run.path.resolve()
    if not same_run and not baseline.is_positive:
        _check_judged(baseline, prepared.label)
    systems = {candidate.system, run.references.get(candidate.system, candidate.system)}
    systems |= {baseline.system} if same_run else set()
    systems |= {lower for name, lower in negatives(run).items() if name in systems}
    return Frontier(order, frozenset(systems))


def _check_judged(baseline: Side, label: str) -> None:
    if label not in baseline.run.judges_of(baseline.system):
        raise InvalidRun(
            f"{baseline} was not judged by {label}: gisteval judge {baseline.run.path} with the same "
            "judge first"
        )


def _look(
    folder: RunFolder, prepared: PreparedJudge, question: GateOptions, frontier: Frontier
) -> tuple[GateResult, int]:
    """Judge and ask the gate by turns. Returns its last answer, and how often it was asked.

    Raises:
        UnderVeto: The judge is under veto at the last look.
    """
    waiting, looks = list(frontier.order), 0
    answer: GateResult | UnderVeto = UnderVeto("there is nothing to judge")
    while frontier.advance(waiting):
        judge_missing(folder, prepared, frontier.pairs)
        looks += 1
        try:
            answer = run_gate(question)
        except UnderVeto as veto:  # an unlucky start may be outweighed at the next look
            answer = veto
            continue
        if answer.outcome == "FAIL":
            break
        waiting = [split.split for split in answer.splits if split.outcome == "INCONCLUSIVE"]
    if isinstance(answer, UnderVeto):
        raise answer
    return answer, looks


def _stopped(
    folder: RunFolder, prepared: PreparedJudge, frontier: Frontier, result: GateResult, looks: int
) -> Stopped:
    made, saved, cost = 0, 0, 0.0
    for matchup in matchups(folder):
        if matchup.system in frontier.systems and matchup.split in frontier.order:
            done = list(folder.read_verdicts(prepared.label, matchup.system, matchup.split))
            made += sum(not matchup.equal(verdict.pair) or verdict.purpose == "aa" for verdict in done)
            cost += sum(verdict.cost for verdict in done)
            rest = without_verdict(folder, prepared, matchup, lambda matchup: matchup.pairs)
            saved += sum(not comparison.equal or comparison.purpose == "aa" for comparison in rest)
    looked = {split.split: split.looks.looked for split in result.splits if split.looks}
    return Stopped(
        outcome=result.outcome,
        splits={split.split: split.outcome for split in result.splits},
        pairs=looked,
        of={split.split: split.examples for split in result.splits},
        looks=looks,
        made=made,
        saved=saved,
        cost=cost,
        cost_saved=cost / made * saved if made else 0.0,
    )
