"""A judge's verdicts on one system and split, summed up: the win rate and what it is worth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from gisteval.judging.noise import Noise, log_length_ratio, noise
from gisteval.judging.pairs import WORTH, pair_scores
from gisteval.judging.parsing import AT_THE_LIMIT
from gisteval.judging.protocol import Contest
from gisteval.judging.retention import with_retention
from gisteval.judging.win_rate import Labels, WinRate, at_equal_length, win_rate, win_rate_row
from gisteval.records.judge_figures import ControlFigures, Interval, PairFigures, Repeated
from gisteval.records.schema import Estimate, ResultRow, Verdict, finite


@dataclass(frozen=True, slots=True)
class Judged:
    """Counts and figures of one judge on one contest; rate is None if no pair has an answer.

    examples: of the split. equal: pairs of equal outputs. without_output: examples that the system has no
    output for, though the reference has one; they are losses once all pairs are judged. looks, errors and
    invalid count the first look at each pair and order; cut: those of the invalid whose reply ended at the
    limit of tokens. tokens and cost (dollars) are of all looks, cached replies cost nothing.
    """

    judge: str
    contest: Contest
    examples: int
    pairs: int
    equal: int
    without_output: tuple[str, ...]
    looks: int
    errors: int
    invalid: int
    cut: int
    prompt_tokens: int
    completion_tokens: int
    cost: float
    rate: WinRate | None
    noise: Noise

    @property
    def adjusted(self) -> Estimate | None:
        """The win rate at equal length and in no place."""
        found, rate = self.noise.adjusted, self.rate
        if found is None or rate is None:
            return None
        return at_equal_length(found, rate.estimate, len(self.without_output) / rate.estimate.n)

    @property
    def missing_share(self) -> float:
        """Looks without an answer among those that needed a call, in percent."""
        return 100.0 * (self.errors + self.invalid) / self.looks if self.looks else 0.0

    def rows(
        self, labels: Labels, verdicts: Sequence[Verdict], negative: Sequence[Verdict]
    ) -> list[ResultRow]:
        """`win_rate` and, beside it, `win_rate_adjusted` for length and place; none without an answer.

        negative: the same judge's verdicts on the negative control, for the retention. An example without
        both outputs counts as a failure, as it does for every other metric; one without the system's is
        lost.
        """
        if self.rate is None:
            return []
        clusters = {pair: example.instruction for pair, example in self.contest.examples.items()}
        judged = win_rate_row(main_looks(verdicts), labels, clusters, self.without_output)
        unpaired = self.examples - len(self.contest.pairs)
        plain = replace(judged, failures=judged.failures + unpaired)
        rows = [plain]
        if negative and negative[0].system != plain.system:
            rows = [
                with_retention(
                    plain, main_looks(verdicts), main_looks(negative), clusters, self.without_output
                )
            ]
        adjusted = self.adjusted
        if adjusted is not None:
            low, high = finite(adjusted.ci_low), finite(adjusted.ci_high)
            row = replace(plain, metric="win_rate_adjusted", value=adjusted.value)
            row = replace(row, ci_low=low, ci_high=high, p_value=None, p_within=None, p_worse=None)
            rows.append(row)
        return rows

    def figures(self) -> PairFigures:
        """The entry in results.json; shares in percent, effects in points."""
        rate, noise, again = self.rate, self.noise, self.noise.again
        return PairFigures(
            judge=self.judge,
            task=self.contest.task,
            split=self.contest.split,
            system=self.contest.system,
            reference=self.contest.reference,
            examples=self.examples,
            pairs=self.pairs,
            equal_outputs=self.equal,
            wins=rate.wins if rate else 0,
            ties=rate.ties if rate else 0,
            losses=rate.losses if rate else 0,
            missing_pairs=rate.missing if rate else self.pairs,
            looks=self.looks,
            errors=self.errors,
            invalid=self.invalid,
            cut=self.cut,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            cost=self.cost,
            win_rate=Interval.of(rate.estimate if rate else None),
            win_rate_adjusted=Interval.of(self.adjusted),
            flip_rate=Interval.of(noise.flips),
            first_shown_share=Interval.of(noise.first_shown),
            longer_share=Interval.of(noise.longer),
            order_effect=Interval.of(noise.order_effect),
            length_slope=Interval.of(noise.length_slope),
            again=None if again is None else Repeated(again.n, again.agreement, again.kappa),
        )


def sum_up(judge: str, contest: Contest, verdicts: Sequence[Verdict]) -> Judged:
    """Everything about one judge's verdicts on a contest (purposes "main" and "again")."""
    latest = list({(v.pair, v.order, v.purpose): v for v in verdicts}.values())
    first = main_looks(latest)
    tied = {v.pair for v in first if contest.equal(v.pair)}
    asked = [v for v in first if v.pair not in tied]
    pairs = contest.pairs
    clusters = {pair: example.instruction for pair, example in pairs.items()}
    ratios = {pair: log_length_ratio(contest.ours[pair], contest.theirs[pair]) for pair in pairs}
    judged = {v.pair for v in first}
    # A judge that has seen a part of the pairs says nothing of the rest, lost or not.
    lost = [pair for pair in contest.examples if pair in contest.theirs and pair not in contest.ours]
    without_output = tuple(lost) if len(judged) == len(pairs) else ()
    labels = {content: example.instruction for content, example in contest.examples.items()}
    answered = any(score.value is not None for score in pair_scores(first).values())
    return Judged(
        judge=judge,
        contest=contest,
        examples=len(contest.examples),
        pairs=len(judged),
        equal=len(tied),
        looks=len(asked),
        errors=sum(v.choice == "error" for v in asked),
        invalid=sum(v.choice == "invalid" for v in asked),
        cut=sum(map(is_cut, asked)),
        prompt_tokens=sum(v.prompt_tokens for v in verdicts),
        completion_tokens=sum(v.completion_tokens for v in verdicts),
        cost=sum(v.cost for v in verdicts),
        without_output=without_output,
        rate=win_rate(first, labels, without_output) if answered else None,
        noise=noise(latest, ratios, clusters, tied),
    )


def is_cut(verdict: Verdict) -> bool:
    """Whether the reply ended at its limit of tokens, so that it makes no choice."""
    return verdict.choice == "invalid" and (verdict.error or "").startswith(AT_THE_LIMIT)


def unanswered(errors: int, invalid: int, cut: int) -> str:
    """Looks without an answer, by why. cut: those of the invalid ones that ended at the limit of tokens."""
    limit = f", {cut} cut at the token limit" if cut else ""
    return f"{errors} failed{limit}, {invalid - cut} can't be read"


def main_looks(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """The first look at each pair and order."""
    return [verdict for verdict in verdicts if verdict.purpose == "main"]


def control_figures(judge: str, contest: Contest, verdicts: Iterable[Verdict]) -> ControlFigures | None:
    """The control judged against itself: the same text twice. None if that was not asked.

    ties: looks that say so, in percent; first_shown: looks won by the first, in percent of the decided.
    """
    answers = {(v.pair, v.order): v for v in verdicts if v.purpose == "aa"}
    looks = [v for v in answers.values() if WORTH[v.choice] is not None]
    if not looks:
        return None
    decided = [v for v in looks if v.choice != "tie"]
    first = sum((v.choice == "a") == (v.order == "ab") for v in decided)
    return ControlFigures(
        judge=judge,
        task=contest.task,
        split=contest.split,
        system=contest.system,
        reference=contest.reference,
        looks=len(answers),
        answered=len(looks),
        ties=100.0 * (len(looks) - len(decided)) / len(looks),
        first_shown_share=100.0 * first / len(decided) if decided else None,
        cost=sum(v.cost for v in answers.values()),
    )
