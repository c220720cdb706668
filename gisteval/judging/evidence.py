"""What a judge's answers say of the judge, gathered over all systems and splits of a run.

The looks at one system and split are often too few to tell a judge from a coin. All looks of a run are of
the same judge, so they are counted together here; `gisteval.judging.veto` says what follows.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field

from gisteval import stats
from gisteval.judging.pairs import WORTH, PairScore, pair_scores
from gisteval.judging.protocol import Contest
from gisteval.metrics import word_count
from gisteval.records.schema import Choice, Estimate, Order, Verdict, finite

Label = Hashable
"""What an outcome is clustered by: the task and the instruction."""


@dataclass
class Shares:
    """Outcomes with their clusters: how often something held."""

    outcomes: list[float] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)

    def add(self, outcome: float, label: Label) -> None:
        """One more; an outcome lies in [0, 1]."""
        self.outcomes.append(outcome)
        self.labels.append(label)

    @property
    def percent(self) -> float:
        """Their mean in percent. Not to be asked of none."""
        return 100.0 * sum(self.outcomes) / len(self.outcomes)

    def estimate(self) -> Estimate | None:
        """Their mean in percent with the 95% interval that holds at any n; None of no outcome."""
        if not self.outcomes:
            return None
        values = [100.0 * outcome for outcome in self.outcomes]
        return stats.bounded_mean(values, 0.0, 100.0, self.labels).interval()

    def figure(self) -> dict[str, float | int | None] | None:
        """The estimate as results.json holds it."""
        found = self.estimate()
        if found is None:
            return None
        low, high = finite(found.ci_low), finite(found.ci_high)
        return {"value": found.value, "ci_low": low, "ci_high": high, "n": found.n}


@dataclass
class Alike:
    """Two looks each: whether both chose the same output, and how often either chose the first shown."""

    same: Shares = field(default_factory=Shares)
    first: Shares = field(default_factory=Shares)

    def add(self, same: bool, firsts: Iterable[bool], label: Label) -> None:
        """One more two looks."""
        self.same.add(same, label)
        for first in firsts:
            self.first.add(first, label)


def _two() -> tuple[Alike, Alike]:
    return (Alike(), Alike())


@dataclass
class Evidence:
    """Counts of one judge over a run; equal outputs are left out, but in `same_text` and `negatives`.

    negatives: the worth of each pair of a negative control, by its name and split, as in its win rate.
    decided: looks that are no tie. both_orders: pairs decided in both orders, of the negative control and
    of all systems, since even a good judge guesses between outputs that are as good. twice: the same of
    looks decided both times. once: looks at pairs shown in one order only that the first won. same_text:
    looks at the control against itself that say tie. up, down (by characters, by words): decided looks that
    the longer output won, where that is the system's, and where it is the control's. longer_negative: looks
    that the negative control has won, its output being the longer.
    """

    negatives: dict[tuple[str, str], Shares] = field(default_factory=dict)
    decided: Shares = field(default_factory=Shares)
    both_orders: tuple[Alike, Alike] = field(default_factory=_two)
    twice: tuple[Alike, Alike] = field(default_factory=_two)
    once: Shares = field(default_factory=Shares)
    same_text: Shares = field(default_factory=Shares)
    up: tuple[Shares, Shares] = field(default_factory=lambda: (Shares(), Shares()))
    down: tuple[Shares, Shares] = field(default_factory=lambda: (Shares(), Shares()))
    longer_negative: Shares = field(default_factory=Shares)

    def add(self, contest: Contest, verdicts: Iterable[Verdict], negative: bool) -> None:
        """Count a judge's verdicts on a contest. negative: its system is the negative control."""
        latest = list({(v.pair, v.order, v.purpose): v for v in verdicts}.values())
        if contest.system == contest.reference:
            for verdict in latest:
                if verdict.purpose == "aa" and WORTH[verdict.choice] is not None:
                    self.same_text.add(verdict.choice == "tie", _label(contest, verdict.pair))
            return
        main = [verdict for verdict in latest if verdict.purpose == "main"]
        for pair, score in pair_scores(main).items():
            if negative and score.value is not None:
                rate = self.negatives.setdefault((contest.system, contest.split), Shares())
                rate.add(score.value, _label(contest, pair))
            if not contest.equal(pair):
                self._pair(score, _label(contest, pair), negative)
                self._lengths(contest, pair, score, negative)
        self._repeats(contest, latest, negative)

    def _pair(self, score: PairScore, label: Label, negative: bool) -> None:
        answered = {order: worth for order, worth in score.by_order.items() if worth is not None}
        for worth in answered.values():
            self.decided.add(worth != 0.5, label)
        decided = {order: worth for order, worth in answered.items() if worth != 0.5}
        firsts = [(worth == 1.0) == (order == "ab") for order, worth in decided.items()]
        if len(decided) == 2:
            for alike in self.both_orders[0 if negative else 1 :]:
                alike.add(decided["ab"] == decided["ba"], firsts, label)
        elif len(score.by_order) == 1 and firsts:
            self.once.add(firsts[0], label)

    def _lengths(self, contest: Contest, pair: str, score: PairScore, negative: bool) -> None:
        ours, theirs = contest.ours[pair].strip(), contest.theirs[pair].strip()
        label = _label(contest, pair)
        differences = (len(ours) - len(theirs), word_count(ours) - word_count(theirs))
        for worth in score.by_order.values():
            if worth is None:
                continue
            if negative and differences[0] > 0:
                self.longer_negative.add(worth, label)
            for up, down, difference in zip(self.up, self.down, differences, strict=True):
                if worth != 0.5 and difference:
                    (up if difference > 0 else down).add((worth == 1.0) == (difference > 0), label)

    def _repeats(self, contest: Contest, latest: Iterable[Verdict], negative: bool) -> None:
        """Looks taken twice in the same order; a reply that says tie names no place."""
        looks: dict[tuple[str, Order], dict[str, Choice]] = {}
        for verdict in latest:
            looks.setdefault((verdict.pair, verdict.order), {})[verdict.purpose] = verdict.choice
        for (pair, order), found in looks.items():
            choices = [found.get("main"), found.get("again")]
            if all(choice in ("a", "b") for choice in choices):
                firsts = [(choice == "a") == (order == "ab") for choice in choices]
                for alike in self.twice[0 if negative else 1 :]:
                    alike.add(choices[0] == choices[1], firsts, _label(contest, pair))


def _label(contest: Contest, pair: str) -> Label:
    return (contest.task, contest.examples[pair].instruction)
