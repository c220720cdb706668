"""What a judge's answers say about the judge, gathered over all systems and splits of a run.

The comparisons on one system and split are often too few to tell a judge from a coin. All comparisons of a
run come from the same judge, so they are counted together here. `gisteval.judging.veto` draws the
conclusions.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field

from gisteval import stats
from gisteval.judging.pairs import CHOICE_SCORES, PairScore, pair_scores
from gisteval.judging.protocol import Matchup
from gisteval.metrics import word_count
from gisteval.records.schema import Choice, Estimate, Order, Verdict

Cluster = Hashable
"""What outcomes are clustered by: the task and the instruction."""


@dataclass
class Outcomes:
    """How often something held.

    Attributes:
        values: Outcomes in [0, 1].
        clusters: The cluster of each outcome.
    """

    values: list[float] = field(default_factory=list)
    clusters: list[Cluster] = field(default_factory=list)

    def add(self, value: float, cluster: Cluster) -> None:
        """Add one outcome in [0, 1]."""
        self.values.append(value)
        self.clusters.append(cluster)

    @property
    def percent(self) -> float:
        """The mean in percent. There must be an outcome."""
        return 100.0 * sum(self.values) / len(self.values)

    def estimate(self) -> Estimate | None:
        """Return the mean in percent with a 95% interval that is valid for any n; None without outcomes."""
        if not self.values:
            return None
        values = [100.0 * value for value in self.values]
        return stats.bounded_mean(values, 0.0, 100.0, self.clusters).interval()


@dataclass
class Consistency:
    """Two answers to the same pair.

    Attributes:
        same: Whether both answers chose the same output.
        first_shown: Whether an answer chose the output that it saw first.
    """

    same: Outcomes = field(default_factory=Outcomes)
    first_shown: Outcomes = field(default_factory=Outcomes)

    def add(self, same: bool, first_shown: Iterable[bool], cluster: Cluster) -> None:
        """Add one pair of answers."""
        self.same.add(same, cluster)
        for is_first in first_shown:
            self.first_shown.add(is_first, cluster)


@dataclass
class ConsistencyByScope:
    """Consistency on the negative control's pairs alone, and on all pairs.

    Between outputs that are equally good, even a good judge guesses. On the negative control it need not.
    """

    negative: Consistency = field(default_factory=Consistency)
    overall: Consistency = field(default_factory=Consistency)

    def add(self, same: bool, first_shown: list[bool], cluster: Cluster, negative: bool) -> None:
        """Add one pair of answers. negative: whether it is on the negative control."""
        if negative:
            self.negative.add(same, first_shown, cluster)
        self.overall.add(same, first_shown, cluster)

    def __iter__(self) -> Iterator[Consistency]:
        """Iterate over the two scopes, the negative control's first."""
        return iter((self.negative, self.overall))


def _by_unit() -> dict[str, Outcomes]:
    return {"characters": Outcomes(), "words": Outcomes()}


@dataclass
class Evidence:
    """Counts of one judge over a run. Only `same_text` and `negatives` count pairs of equal outputs.

    Attributes:
        negatives: Scores of the negative controls' pairs, by system and split, as in their win rates.
        decided: Whether a comparison is no tie.
        both_orders: Pairs that are decided in both orders.
        repeats: Comparisons that are decided both times.
        single_order: Whether the first shown won, of pairs that are shown in one order only.
        same_text: Whether the control against itself is called a tie.
        longer_ours: Whether the longer output won, where it is the system's; by unit of length.
        longer_theirs: Whether the longer output won, where it is the control's; by unit of length.
        longer_negative: Scores of the negative control where its output is longer.
    """

    negatives: dict[tuple[str, str], Outcomes] = field(default_factory=dict)
    decided: Outcomes = field(default_factory=Outcomes)
    both_orders: ConsistencyByScope = field(default_factory=ConsistencyByScope)
    repeats: ConsistencyByScope = field(default_factory=ConsistencyByScope)
    single_order: Outcomes = field(default_factory=Outcomes)
    same_text: Outcomes = field(default_factory=Outcomes)
    longer_ours: dict[str, Outcomes] = field(default_factory=_by_unit)
    longer_theirs: dict[str, Outcomes] = field(default_factory=_by_unit)
    longer_negative: Outcomes = field(default_factory=Outcomes)

    def add(self, matchup: Matchup, verdicts: Iterable[Verdict], negative: bool) -> None:
        """Count a judge's verdicts on a matchup.

        Args:
            matchup: The systems that are compared.
            verdicts: The judge's verdicts on them. Of several on one comparison, the last counts.
            negative: Whether the system is the negative control.
        """
        latest = list({(v.pair, v.order, v.purpose): v for v in verdicts}.values())
        if matchup.system == matchup.reference:
            for verdict in latest:
                if verdict.purpose == "aa" and CHOICE_SCORES[verdict.choice] is not None:
                    self.same_text.add(verdict.choice == "tie", _cluster(matchup, verdict.pair))
            return
        main = [verdict for verdict in latest if verdict.purpose == "main"]
        for pair, score in pair_scores(main).items():
            cluster = _cluster(matchup, pair)
            if negative and score.value is not None:
                self.negatives.setdefault((matchup.system, matchup.split), Outcomes()).add(
                    score.value, cluster
                )
            if not matchup.equal(pair):
                self._add_orders(score, cluster, negative)
                self._add_lengths(matchup, pair, score, negative)
        self._add_repeats(matchup, latest, negative)

    def _add_orders(self, score: PairScore, cluster: Cluster, negative: bool) -> None:
        answered = {order: value for order, value in score.by_order.items() if value is not None}
        for value in answered.values():
            self.decided.add(value != 0.5, cluster)
        decided = {order: value for order, value in answered.items() if value != 0.5}
        first_shown = [(value == 1.0) == (order == "ab") for order, value in decided.items()]
        if len(decided) == 2:
            self.both_orders.add(decided["ab"] == decided["ba"], first_shown, cluster, negative)
        elif len(score.by_order) == 1 and first_shown:
            self.single_order.add(first_shown[0], cluster)

    def _add_lengths(self, matchup: Matchup, pair: str, score: PairScore, negative: bool) -> None:
        ours, theirs = matchup.ours[pair].strip(), matchup.theirs[pair].strip()
        cluster = _cluster(matchup, pair)
        differences = {
            "characters": len(ours) - len(theirs),
            "words": word_count(ours) - word_count(theirs),
        }
        for value in score.by_order.values():
            if value is None:
                continue
            if negative and differences["characters"] > 0:
                self.longer_negative.add(value, cluster)
            for unit, difference in differences.items():
                if value != 0.5 and difference:
                    outcomes = self.longer_ours if difference > 0 else self.longer_theirs
                    outcomes[unit].add((value == 1.0) == (difference > 0), cluster)

    def _add_repeats(self, matchup: Matchup, latest: Iterable[Verdict], negative: bool) -> None:
        """Count comparisons that were made twice in the same order and decided both times."""
        by_comparison: dict[tuple[str, Order], dict[str, Choice]] = {}
        for verdict in latest:
            by_comparison.setdefault((verdict.pair, verdict.order), {})[verdict.purpose] = verdict.choice
        for (pair, order), by_purpose in by_comparison.items():
            choices = [by_purpose.get("main"), by_purpose.get("again")]
            if all(choice in ("a", "b") for choice in choices):
                first_shown = [(choice == "a") == (order == "ab") for choice in choices]
                self.repeats.add(choices[0] == choices[1], first_shown, _cluster(matchup, pair), negative)


def _cluster(matchup: Matchup, pair: str) -> Cluster:
    return (matchup.task, matchup.examples[pair].instruction)
