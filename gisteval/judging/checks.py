"""The checks that a judge must pass: what it answered, next to what guessing would give.

A check has one of three outcomes, by a 95% interval. It holds if the interval lies above guessing. It
fails, which is a veto, if the interval reaches guessing and lies below what a usable judge reaches.
Otherwise there are too few comparisons to tell: that is no veto, but no conclusion either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from gisteval.judging.evidence import ConsistencyByScope, Evidence, Outcomes
from gisteval.judging.win_rate import EVEN
from gisteval.records.judge_figures import Check, PairFigures, Rule, State
from gisteval.records.schema import Estimate, finite

MOST_MISSING = 2.0
"""Percent of comparisons without an answer above which no conclusion holds."""

USABLE_NEGATIVE = 35.0
"""A negative control's win rate in percent. A judge that puts it this low is not vetoed by accident."""

USABLE_AGREEMENT = 0.4
"""The same for agreement: this share of the way from guessing to full agreement (a kappa)."""

FEWEST_DECIDED = 10.0
"""Percent of comparisons of different outputs. A judge that decides fewer may as well decide none."""

ONE_SIDED = 85.0
"""Percent of decided comparisons. A judge that gives more to one position, or length, sees nothing else."""

UNINFORMATIVE_GUESS = 90.0
"""Percent. Where guessing agrees this often, agreement shows nothing."""


def missing_answers(entry: PairFigures) -> Iterator[Check]:
    """Check that the judge answered nearly all comparisons on one system and split."""
    missing, asked = entry.errors + entry.invalid, entry.looks
    if 100.0 * missing > MOST_MISSING * asked:
        where = f"{missing} of {asked} comparisons on {entry.split}"
        yield Check(
            "missing",
            "fails",
            f"it gave no answer to {where}, more than {MOST_MISSING:g}% ({entry.system})",
            entry.split,
            entry.system,
            value=100.0 * missing / asked,
            n=asked,
        )


def negative_control(
    entries: Sequence[PairFigures], evidence: Evidence, negatives: Mapping[str, str | None]
) -> Iterator[Check]:
    """Check that the judge puts the negative control below the positive one.

    The result counts for all systems with the same positive control. A missing output is a loss in
    results.json, but says nothing about the judge, so this check leaves it out.

    Args:
        entries: The judge's figures on each system and split.
        evidence: The judge's answers over the whole run.
        negatives: The run's negative controls, each with whether it is trained or untrained.
    """
    judged = [entry for entry in entries if entry.system in negatives]
    if not judged and entries:
        text = "without verdicts on a negative control nobody can tell whether the judge is sensitive"
        yield Check("negative control", "untested", text)
    for entry in judged:
        split, reference = entry.split, entry.reference
        rate = evidence.negatives.get((entry.system, split), Outcomes()).estimate()
        if rate is None:
            continue
        is_trained = negatives[entry.system] != "untrained"
        is_below = rate.ci_high < EVEN
        is_unusable = is_trained and rate.ci_low > USABLE_NEGATIVE
        text = (
            f"the {'' if is_trained else 'untrained '}negative control {entry.system} wins "
            f"{rate.value:.1f}{_interval(rate, 1)} on {split}, {'' if is_below else 'not '}below {EVEN:g}"
        )
        state: State = "holds" if is_below else "fails" if is_unusable else "too few"
        check = _check("negative control", state, text, rate, EVEN)
        systems = [e.system for e in entries if (e.split, e.reference) == (split, reference)]
        for system in (*systems, reference):
            yield replace(check, split=split, system=system)


def consistency_checks(evidence: Evidence, is_sensitive: bool) -> Iterator[Check]:
    """Check what can be seen from the judge's answers alone.

    Args:
        evidence: The judge's answers over the whole run.
        is_sensitive: Whether the judge tells the controls apart, which shows that it does decide.
    """
    if not is_sensitive:
        yield from _decisiveness(evidence.decided)
    yield from _consistency(
        "other order",
        evidence.both_orders,
        # A judge that looks at the position alone, and picks the first with chance q, agrees in 2q(1 - q).
        lambda q: 200.0 * q * (1.0 - q),
        "it decides for the same output in {share} of {n} pairs that it saw in both orders",
    )
    yield from _consistency(
        "itself",
        evidence.repeats,
        # The same judge repeats itself in q^2 + (1 - q)^2.
        lambda q: 100.0 * (q**2 + (1.0 - q) ** 2),
        "it gives the same answer in {share} of {n} comparisons that it made twice",
    )
    yield from _position_bias(evidence)
    yield from _same_text(evidence)
    yield from _length_bias(evidence)


def _decisiveness(decided: Outcomes) -> Iterator[Check]:
    """Does it decide at all between outputs that differ?"""
    share = decided.estimate()
    if share is not None and share.value < FEWEST_DECIDED:
        state: State = "fails" if share.ci_high < FEWEST_DECIDED else "too few"
        ties = sum(not is_decided for is_decided in decided.values)
        text = f"it says tie in {ties} of {share.n} comparisons of different outputs"
        yield _check("ties", state, text, share, FEWEST_DECIDED)


def _consistency(
    rule: Rule, answers: ConsistencyByScope, guess_of: Callable[[float], float], text: str
) -> Iterator[Check]:
    """Are two answers to the same pair alike more often than by guessing?

    Yields the more favourable of the check on the negative control's pairs and the check on all pairs.

    Args:
        rule: The name of the check.
        answers: The answers to the same pairs.
        guess_of: From the share of answers that chose the first shown output, in [0, 1], to the agreement
            that guessing gives, in percent.
        text: What was seen, with the placeholders {share} and {n}.
    """
    checks = []
    for consistency in answers:
        share = consistency.same.estimate()
        if share is None:
            continue
        guess = guess_of(consistency.first_shown.percent / 100.0)
        if guess < UNINFORMATIVE_GUESS:
            seen = f"{text.format(share=_percent(share), n=share.n)}, and guessing would in {guess:.0f}%"
            checks.append(_check(rule, _state(share, guess), seen, share, guess))
    favourable: tuple[State, ...] = ("holds", "too few", "fails")
    yield from sorted(checks, key=lambda check: favourable.index(check.state))[:1]


def _position_bias(evidence: Evidence) -> Iterator[Check]:
    """Does the answer of a judge that sees each pair once depend on the position alone?"""
    share = evidence.single_order.estimate()
    if share is None or any(consistency.same.values for consistency in evidence.both_orders):
        return
    if share.ci_low > ONE_SIDED or share.ci_high < 100.0 - ONE_SIDED:
        text = f"the output shown first wins {_percent(share)} of {share.n} decided comparisons"
        yield _check("place", "fails", text, share, EVEN)


def _same_text(evidence: Evidence) -> Iterator[Check]:
    """Does it call the same text a tie more often than different texts? A forced choice never does."""
    share = evidence.same_text.estimate()
    if share is not None and evidence.decided.values:
        guess = 100.0 - evidence.decided.percent
        if guess > 0.0 or share.value > 0.0:
            text = (
                f"it says tie in {_percent(share)} of {share.n} comparisons of a text with itself, and in "
                f"{guess:.0f}% of those of different outputs"
            )
            yield _check("same text", _state(share, guess), text, share, guess)


def _length_bias(evidence: Evidence) -> Iterator[Check]:
    """Does the longer output win whoever wrote it? Or the negative control where its output is longer?"""
    rate = evidence.longer_negative.estimate()
    if rate is not None and rate.ci_low > EVEN:
        text = (
            f"the negative control wins {_percent(rate)} of {rate.n} comparisons where its output is longer"
        )
        yield _check("length", "fails", text, rate, EVEN)
        return
    for unit in evidence.longer_ours:
        ours, theirs = evidence.longer_ours[unit].estimate(), evidence.longer_theirs[unit].estimate()
        if ours is None or theirs is None:
            continue
        if ours.ci_low > ONE_SIDED and theirs.ci_low > ONE_SIDED:
            text = (
                f"the output with more {unit} wins {_percent(ours)} of {ours.n} decided comparisons where "
                f"it is the system's and {_percent(theirs)} of {theirs.n} where it is the control's"
            )
            yield _check("length", "fails", text, min(ours, theirs, key=lambda share: share.value), EVEN)
            return


def _state(share: Estimate, guess: float) -> State:
    if share.ci_low > guess:
        return "holds"
    return "fails" if share.ci_high < guess + USABLE_AGREEMENT * (100.0 - guess) else "too few"


def _check(rule: Rule, state: State, text: str, share: Estimate, guess: float) -> Check:
    low, high = finite(share.ci_low), finite(share.ci_high)
    return Check(rule, state, text, value=share.value, ci_low=low, ci_high=high, guess=guess, n=share.n)


def _percent(share: Estimate) -> str:
    return f"{share.value:.0f}%{_interval(share, 0)}"


def _interval(share: Estimate, digits: int) -> str:
    """The interval in brackets, if there is one: a single instruction has none."""
    if finite(share.ci_low) is None or finite(share.ci_high) is None:
        return " (no interval)"
    return f" [{share.ci_low:.{digits}f}, {share.ci_high:.{digits}f}]"
