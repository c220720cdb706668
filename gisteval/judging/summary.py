"""A judge's verdicts on one system and split, summed up: the win rate and how reliable it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from gisteval.judging.noise import Noise, log_length_ratio, noise
from gisteval.judging.pairs import CHOICE_SCORES, pair_scores
from gisteval.judging.parsing import AT_THE_LIMIT
from gisteval.judging.protocol import Matchup
from gisteval.judging.retention import with_retention
from gisteval.judging.win_rate import Labels, WinRate, at_equal_length, win_rate, win_rate_row
from gisteval.records.judge_figures import ControlFigures, Interval, PairFigures, Repeated
from gisteval.records.schema import Estimate, ResultRow, Verdict, finite


@dataclass(frozen=True, slots=True)
class JudgeSummary:
    """Counts and figures of one judge on one matchup.

    `comparisons`, `errors` and `invalid` don't count repeated comparisons. The tokens and the cost are
    those of all comparisons; replies from the cache cost nothing.

    Attributes:
        judge: The name that the verdicts bear.
        matchup: The systems that are compared.
        examples: Examples of the split, each as often as it is answered.
        pairs: Pairs with a verdict.
        equal: Pairs of equal outputs.
        without_output: Examples that only the reference has an output for. They are losses once all pairs
            are judged.
        comparisons: Comparisons that needed a call.
        errors: Comparisons whose request failed.
        invalid: Comparisons whose reply makes no choice.
        cut: Those of the invalid whose reply ended at the token limit.
        prompt_tokens: Tokens of the requests.
        completion_tokens: Tokens of the replies.
        cost: Dollars.
        rate: The win rate; None if no pair has an answer.
        noise: The judge's noise and biases.
    """

    judge: str
    matchup: Matchup
    examples: int
    pairs: int
    equal: int
    without_output: tuple[str, ...]
    comparisons: int
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
        """The win rate at equal length and without the order effect, in percent."""
        adjusted, rate = self.noise.adjusted, self.rate
        if adjusted is None or rate is None:
            return None
        return at_equal_length(adjusted, rate.estimate, len(self.without_output) / rate.pairs)

    @property
    def missing_share(self) -> float:
        """Comparisons without an answer among those that needed a call, in percent."""
        return 100.0 * (self.errors + self.invalid) / self.comparisons if self.comparisons else 0.0

    def rows(
        self, labels: Labels, verdicts: Sequence[Verdict], negative: Sequence[Verdict]
    ) -> list[ResultRow]:
        """Build the rows `win_rate` and `win_rate_adjusted` of results.json.

        An example without both outputs counts as a failure, as it does for every other metric. An example
        without the system's output is a loss.

        Args:
            labels: What the rows say about the system.
            verdicts: The judge's verdicts on the matchup.
            negative: The judge's verdicts on the negative control, for the retention.

        Returns:
            The rows; none if no pair has an answer.
        """
        if self.rate is None:
            return []
        main, matchup = main_verdicts(verdicts), self.matchup
        clusters, items = matchup.instructions, matchup.items
        row = win_rate_row(main, labels, clusters, self.without_output, items)
        unpaired = {e.content_id for pair, e in matchup.examples.items() if pair not in matchup.pairs}
        plain = replace(row, failures=row.failures + len(unpaired))
        rows = [plain]
        if negative and negative[0].system != plain.system:
            lower = main_verdicts(negative)
            rows = [with_retention(plain, main, lower, clusters, self.without_output, items)]
        adjusted = self.adjusted
        if adjusted is not None:
            low, high = finite(adjusted.ci_low), finite(adjusted.ci_high)
            row = replace(plain, metric="win_rate_adjusted", value=adjusted.value)
            row = replace(row, ci_low=low, ci_high=high, p_value=None, p_within=None, p_worse=None)
            rows.append(row)
        return rows

    def figures(self) -> PairFigures:
        """Return the entry of results.json; shares are in percent, effects in points."""
        rate, noise, repeats = self.rate, self.noise, self.noise.repeats
        return PairFigures(
            judge=self.judge,
            task=self.matchup.task,
            split=self.matchup.split,
            system=self.matchup.system,
            reference=self.matchup.reference,
            examples=self.examples,
            pairs=self.pairs,
            equal_outputs=self.equal,
            wins=rate.wins if rate else 0,
            ties=rate.ties if rate else 0,
            losses=rate.losses if rate else 0,
            missing_pairs=rate.missing if rate else self.pairs,
            looks=self.comparisons,
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
            again=None if repeats is None else Repeated(repeats.n, repeats.agreement, repeats.kappa),
        )


def summarize(judge: str, matchup: Matchup, verdicts: Sequence[Verdict]) -> JudgeSummary:
    """Sum up a judge's verdicts on a matchup.

    Args:
        judge: The name that the verdicts bear.
        matchup: The systems that are compared.
        verdicts: The verdicts, with the purposes "main" and "again". Of several on one comparison, the last
            counts.
    """
    latest = list({(v.pair, v.order, v.purpose): v for v in verdicts}.values())
    main = main_verdicts(latest)
    tied = {verdict.pair for verdict in main if matchup.equal(verdict.pair)}
    asked = [verdict for verdict in main if verdict.pair not in tied]
    judged = {verdict.pair for verdict in main}
    # A judge that has seen only some of the pairs says nothing about the others, lost or not.
    without_output = tuple(matchup.lost) if len(judged) == len(matchup.pairs) else ()
    ratios = {pair: log_length_ratio(matchup.ours[pair], matchup.theirs[pair]) for pair in matchup.pairs}
    has_answers = any(score.value is not None for score in pair_scores(main).values())
    return JudgeSummary(
        judge=judge,
        matchup=matchup,
        examples=len(matchup.examples),
        pairs=len(judged),
        equal=len(tied),
        comparisons=len(asked),
        errors=sum(verdict.choice == "error" for verdict in asked),
        invalid=sum(verdict.choice == "invalid" for verdict in asked),
        cut=sum(map(is_cut, asked)),
        prompt_tokens=sum(verdict.prompt_tokens for verdict in verdicts),
        completion_tokens=sum(verdict.completion_tokens for verdict in verdicts),
        cost=sum(verdict.cost for verdict in verdicts),
        without_output=without_output,
        rate=win_rate(main, matchup.instructions, without_output, matchup.items) if has_answers else None,
        noise=noise(latest, ratios, matchup.instructions, tied),
    )


def is_cut(verdict: Verdict) -> bool:
    """Whether the reply ended at its token limit, so that it makes no choice."""
    return verdict.choice == "invalid" and (verdict.error or "").startswith(AT_THE_LIMIT)


def unanswered(errors: int, invalid: int, cut: int) -> str:
    """Describe comparisons without an answer.

    Args:
        errors: Comparisons whose request failed.
        invalid: Comparisons whose reply makes no choice.
        cut: Those of the invalid whose reply ended at the token limit.
    """
    at_limit = f", {cut} {AT_THE_LIMIT}" if cut else ""
    return f"{errors} failed{at_limit}, {invalid - cut} unreadable"


def main_verdicts(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Return the verdicts that count for the win rate, without repeats and the control against itself."""
    return [verdict for verdict in verdicts if verdict.purpose == "main"]


def control_figures(judge: str, matchup: Matchup, verdicts: Iterable[Verdict]) -> ControlFigures | None:
    """Sum up what a judge says about the control against itself, that is, about the same text twice.

    Returns:
        The entry of results.json; None if the judge answered no such comparison.
    """
    latest = {(v.pair, v.order): v for v in verdicts if v.purpose == "aa"}
    answered = [v for v in latest.values() if CHOICE_SCORES[v.choice] is not None]
    if not answered:
        return None
    decided = [v for v in answered if v.choice != "tie"]
    first_wins = sum((v.choice == "a") == (v.order == "ab") for v in decided)
    return ControlFigures(
        judge=judge,
        task=matchup.task,
        split=matchup.split,
        system=matchup.system,
        reference=matchup.reference,
        looks=len(latest),
        answered=len(answered),
        ties=100.0 * (len(answered) - len(decided)) / len(answered),
        first_shown_share=100.0 * first_wins / len(decided) if decided else None,
        cost=sum(v.cost for v in latest.values()),
    )
