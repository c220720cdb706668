"""The checks that a judge is put to: what it did, beside what guessing would do.

Each has one of three outcomes, by a 95% interval. It holds if the interval lies beyond guessing. It fails,
which is a veto, if it does not, and the interval also lies short of what a usable judge reaches. Else there
are too few looks to tell: that is no veto, but no conclusion either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from gisteval.judging.evidence import Evidence, Shares
from gisteval.records.judge_figures import Check, PairFigures, Rule, State
from gisteval.records.schema import Estimate, finite

MOST_MISSING = 2.0
"""Percent of looks without an answer above which no conclusion holds."""

EVEN = 50.0
"""The win rate of a system that can't be told from the positive control."""

USABLE_NEGATIVE = 35.0
"""A judge that puts the negative control's win rate here, or lower, isn't vetoed by accident."""

USABLE_AGREEMENT = 0.4
"""The same of agreement: this share of the way from guessing to always (a kappa)."""

FEWEST_DECIDED = 10.0
"""Percent of looks at outputs that differ. Who decides fewer can't be told from who never does."""

ONE_SIDED = 85.0
"""Percent of decided looks. One that gives more to a place, or a length, looks at nothing else."""

SAYS_LITTLE = 90.0
"""Percent. Where guessing is alike this often, a judge that is always alike shows nothing by it."""


def missing_looks(entry: PairFigures) -> Iterator[Check]:
    missing, looks = entry.errors + entry.invalid, entry.looks
    if 100.0 * missing > MOST_MISSING * looks:
        where = f"{missing} of {looks} looks at {entry.split}"
        yield Check(
            "missing",
            "fails",
            f"it gave no answer to {where}, more than {MOST_MISSING:g}% ({entry.system})",
            entry.split,
            entry.system,
            value=100.0 * missing / looks,
            n=looks,
        )


def negative_control(
    entries: Sequence[PairFigures], evidence: Evidence, negatives: Mapping[str, str | None]
) -> Iterator[Check]:
    """Does it put the negative control below the positive one? That counts for all systems beside them.

    An output that is missing is a loss in results.json, but says nothing of the judge: it is left out here.
    """
    judged = [entry for entry in entries if entry.system in negatives]
    if not judged and entries:
        text = "without verdicts on a negative control nobody can say whether the judge is sensitive"
        yield Check("negative control", "untested", text)
    for entry in judged:
        split, reference = entry.split, entry.reference
        rate = evidence.negatives.get((entry.system, split), Shares()).estimate()
        if rate is None:
            continue
        trained = negatives[entry.system] != "untrained"
        below = rate.ci_high < EVEN
        worse = trained and rate.ci_low > USABLE_NEGATIVE
        text = (
            f"the {'' if trained else 'untrained '}negative control {entry.system} wins "
            f"{rate.value:.1f}{_ends(rate, 1)} on {split}, "
            f"{'' if below else 'not '}below {EVEN:g}"
        )
        state: State = "holds" if below else "fails" if worse else "too few"
        found = _check("negative control", state, text, rate, EVEN)
        beside = [e.system for e in entries if (e.split, e.reference) == (split, reference)]
        for system in (*beside, reference):
            yield replace(found, split=split, system=system)


def own_answers(evidence: Evidence, sensitive: bool) -> Iterator[Check]:
    """What the judge's own answers show. sensitive: it tells the controls apart, so it does decide."""
    if not sensitive:
        yield from _decides(evidence.decided)
    yield from _orders(evidence)
    yield from _repeats(evidence)
    yield from _place(evidence)
    yield from _same_text(evidence)
    yield from _length(evidence)


def _decides(decided: Shares) -> Iterator[Check]:
    found = decided.estimate()
    if found is not None and found.value < FEWEST_DECIDED:
        state: State = "fails" if found.ci_high < FEWEST_DECIDED else "too few"
        ties = sum(not outcome for outcome in decided.outcomes)
        text = f"it says tie in {ties} of {found.n} looks at outputs that differ"
        yield _check("ties", state, text, found, FEWEST_DECIDED)


def _orders(evidence: Evidence) -> Iterator[Check]:
    """Decided in both orders for the same side? By places alone in 2q(1 - q), with q the first's share."""
    found = []
    for alike in evidence.both_orders:
        share = alike.same.estimate()
        if share is not None:
            first = alike.first.percent / 100.0
            guess = 200.0 * first * (1.0 - first)
            text = (
                f"in the other order it decides for the same output in {_estimate(share)} of {share.n} "
                f"pairs, where guessing does in {guess:.0f}%"
            )
            found.append(_check("other order", _state(share, guess), text, share, guess))
    yield from _best(found)


def _repeats(evidence: Evidence) -> Iterator[Check]:
    """The same look twice, alike? By places alone in q^2 + (1 - q)^2, with q the first's share."""
    found = []
    for alike in evidence.twice:
        share = alike.same.estimate()
        if share is not None:
            first = alike.first.percent / 100.0
            guess = 100.0 * (first**2 + (1.0 - first) ** 2)
            text = (
                f"asked again it says the same in {_estimate(share)} of {share.n} looks, where guessing "
                f"does in {guess:.0f}%"
            )
            if guess < SAYS_LITTLE:
                found.append(_check("itself", _state(share, guess), text, share, guess))
    yield from _best(found)


def _best(found: Sequence[Check]) -> Iterator[Check]:
    """The check that speaks most for the judge: on the negative control's pairs, or on all."""
    order: tuple[State, ...] = ("holds", "too few", "fails")
    yield from sorted(found, key=lambda check: order.index(check.state))[:1]


def _place(evidence: Evidence) -> Iterator[Check]:
    """A judge that sees each pair once: does the answer hang on the place alone?"""
    found = evidence.once.estimate()
    if found is None or any(alike.same.outcomes for alike in evidence.both_orders):
        return
    if found.ci_low > ONE_SIDED or found.ci_high < 100.0 - ONE_SIDED:
        text = f"the output shown first wins {_estimate(found)} of {found.n} decided looks"
        yield _check("place", "fails", text, found, EVEN)


def _same_text(evidence: Evidence) -> Iterator[Check]:
    """Does it say tie to the same text more often than to different ones? Forced choice never does."""
    found = evidence.same_text.estimate()
    if found is not None and evidence.decided.outcomes:
        guess = 100.0 - evidence.decided.percent
        if guess > 0.0 or found.value > 0.0:
            text = (
                f"it says tie to the same text twice in {_estimate(found)} of {found.n} looks, and in "
                f"{guess:.0f}% of those at outputs that differ"
            )
            yield _check("same text", _state(found, guess), text, found, guess)


def _length(evidence: Evidence) -> Iterator[Check]:
    """Does the longer output win whoever wrote it? Or the negative control where its output is longer?"""
    found = evidence.longer_negative.estimate()
    if found is not None and found.ci_low > EVEN:
        text = f"the negative control wins {_estimate(found)} of {found.n} looks where its output is longer"
        yield _check("length", "fails", text, found, EVEN)
        return
    for unit, up, down in zip(("characters", "words"), evidence.up, evidence.down, strict=True):
        shares = [share for share in (up.estimate(), down.estimate()) if share is not None]
        if len(shares) == 2 and all(share.ci_low > ONE_SIDED for share in shares):
            ours, theirs = shares
            text = (
                f"the output with more {unit} wins {_estimate(ours)} of {ours.n} decided looks where it is "
                f"the system's and {_estimate(theirs)} of {theirs.n} where it is the control's"
            )
            yield _check("length", "fails", text, min(shares, key=lambda share: share.value), EVEN)
            return


def _state(found: Estimate, guess: float) -> State:
    if found.ci_low > guess:
        return "holds"
    return "fails" if found.ci_high < guess + USABLE_AGREEMENT * (100.0 - guess) else "too few"


def _check(rule: Rule, state: State, text: str, found: Estimate, guess: float) -> Check:
    low, high = finite(found.ci_low), finite(found.ci_high)
    return Check(rule, state, text, value=found.value, ci_low=low, ci_high=high, guess=guess, n=found.n)


def _estimate(found: Estimate) -> str:
    return f"{found.value:.0f}%{_ends(found, 0)}"


def _ends(found: Estimate, digits: int) -> str:
    """The interval in brackets, if there is one: a single instruction has none."""
    if finite(found.ci_low) is None or finite(found.ci_high) is None:
        return " (no interval)"
    return f" [{found.ci_low:.{digits}f}, {found.ci_high:.{digits}f}]"
