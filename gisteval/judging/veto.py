"""Whether a judge can be relied on: the one place that tables, claims, pages and gates ask.

A judge is itself under test. Each check holds what it did against what guessing would do, by a 95%
interval, and has one of three outcomes. It holds if the interval lies beyond guessing. It fails, which is a
veto, if it does not, and the interval also lies below what a usable judge reaches. Else there are too few
looks to tell: that is no veto, but no conclusion either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from gisteval.judging.evidence import Evidence, Shares
from gisteval.schema import Estimate

Rule = Literal[
    "missing", "ties", "other order", "itself", "place", "same text", "length", "negative control"
]  # fmt: skip
State = Literal["holds", "fails", "too few", "untested"]

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

ORDER: tuple[Rule, ...] = (
    "missing", "ties", "other order", "itself", "place", "same text", "length", "negative control",
)  # fmt: skip
"""Which veto is named first."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a judge was tested for. text: a phrase with its figure, what was seen.

    split, system: where it counts, None everywhere. value and its interval are in percent, guess what
    guessing would give; n looks or pairs.
    """

    rule: Rule
    state: State
    text: str
    split: str | None = None
    system: str | None = None
    value: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    guess: float | None = None
    n: int = 0

    def counts_for(self, system: str, split: str) -> bool:
        """Whether it says something of a system's verdicts on a split."""
        return self.split in (None, split) and self.system in (None, system)


@dataclass(frozen=True, slots=True)
class Trust:
    """All checks of one judge in one run."""

    judge: str
    checks: tuple[Check, ...]

    @property
    def vetoes(self) -> tuple[Check, ...]:
        """The checks that failed, the most telling first."""
        failed = [check for check in self.checks if check.state == "fails"]
        return tuple(sorted(failed, key=lambda check: ORDER.index(check.rule)))

    def veto(self, system: str, split: str) -> Check | None:
        """The first veto on a system's verdicts on a split; None if there is none."""
        return next((check for check in self.vetoes if check.counts_for(system, split)), None)

    @property
    def doubt(self) -> str:
        """Why the judge can't be told from one that guesses; empty if it can, or is untested."""
        tested = [check for check in self.checks if check.state != "untested"]
        negative = [check for check in tested if check.rule == "negative control"]
        own = [check for check in tested if check.rule in ("other order", "itself", "ties")]
        asked = negative or own
        if any(check.state == "holds" for check in asked):
            return ""
        return next((check.text for check in asked if check.state == "too few"), "")

    def problem(self, system: str, split: str) -> str:
        """In a phrase, why no conclusion may rest on a system's verdicts on a split; empty if one may."""
        veto = self.veto(system, split)
        if veto is not None:
            return f"it is under veto: {veto.text}"
        return f"too few looks to tell it from guessing: {self.doubt}" if self.doubt else ""

    @property
    def caveats(self) -> tuple[str, ...]:
        """What could not be tested, in phrases."""
        return tuple(check.text for check in self.checks if check.state == "untested")

    @property
    def reasons(self) -> tuple[str, ...]:
        """The vetoes in phrases, each once."""
        return tuple(dict.fromkeys(check.text for check in self.vetoes))

    @property
    def summary(self) -> str:
        """The vetoes in a line, the first one with its figure; empty without one."""
        if not self.reasons:
            return ""
        more = f" (and {len(self.reasons) - 1} more)" if len(self.reasons) > 1 else ""
        return f"judge {self.judge} is under veto: {self.reasons[0]}{more}"

    def to_json(self, system: str, split: str) -> dict[str, Any]:
        """What the entry of a system and split in results.json says of the judge.

        veto: the first one that counts there, or null; doubt: as above; checks: all that count there.
        """
        veto = self.veto(system, split)
        return {
            "veto": None if veto is None else veto.text,
            "doubt": self.doubt,
            "checks": [asdict(check) for check in self.checks if check.counts_for(system, split)],
        }


def stated_trust(entries: Iterable[Mapping[str, Any]]) -> dict[str, Trust]:
    """By judge, the trust that entries of results.json state; judges without any are left out."""
    found: dict[str, dict[Check, None]] = {}
    for entry in entries:
        if "checks" in entry:
            checks = (Check(**check) for check in entry["checks"])
            found.setdefault(entry["judge"], {}).update(dict.fromkeys(checks))
    return {judge: Trust(judge, tuple(checks)) for judge, checks in found.items()}


def judge_trust(
    judge: str,
    entries: Sequence[Mapping[str, Any]],
    evidence: Evidence,
    negatives: Mapping[str, str | None],
    sees_order: bool,
) -> Trust:
    """Put all checks to a judge.

    entries: its entries of kind "pairs". negatives: the run's negative controls, trained or untrained.
    sees_order: False for a judge that compares scores of texts, which can't be swayed by a place, a length
    or a mood: only the negative control and missing looks test it.
    """
    checks = [check for entry in entries for check in _missing(entry)]
    separated = list(_negative(entries, negatives))
    if sees_order:
        checks += _own(evidence, any(check.state == "holds" for check in separated))
    return Trust(judge, (*checks, *separated))


def _missing(entry: Mapping[str, Any]) -> Iterator[Check]:
    missing, looks = entry["errors"] + entry["invalid"], entry["looks"]
    if 100.0 * missing > MOST_MISSING * looks:
        where = f"{missing} of {looks} looks at {entry['split']}"
        yield Check(
            "missing",
            "fails",
            f"it gave no answer to {where}, more than {MOST_MISSING:g}% ({entry['system']})",
            entry["split"],
            entry["system"],
            value=100.0 * missing / looks,
            n=looks,
        )


def _negative(entries: Sequence[Mapping[str, Any]], negatives: Mapping[str, str | None]) -> Iterator[Check]:
    """Does it put the negative control below the positive one? That counts for all systems beside them."""
    judged = [entry for entry in entries if entry["system"] in negatives]
    if not judged and entries:
        text = "the run has no verdicts on a negative control, so its sensitivity can't be checked"
        yield Check("negative control", "untested", text)
    for entry in judged:
        rate = entry["win_rate"]
        if rate is None:
            continue
        trained = negatives[entry["system"]] != "untrained"
        low, high = rate["ci_low"], rate["ci_high"]
        state: State = "too few"
        if high is not None and high < EVEN:
            state = "holds"
        elif trained and low is not None and low > USABLE_NEGATIVE:
            state = "fails"
        who = f"the {'' if trained else 'untrained '}negative control {entry['system']}"
        side = "below" if state == "holds" else "not below"
        text = f"{who} wins {_interval(rate)} on {entry['split']}, {side} 50"
        split, reference = entry["split"], entry["reference"]
        own = [e["system"] for e in entries if (e["split"], e["reference"]) == (split, reference)]
        for system in (*own, reference):
            yield Check(
                "negative control",
                state,
                text,
                split,
                system,
                value=rate["value"],
                ci_low=low,
                ci_high=high,
                guess=EVEN,
                n=rate["n"],
            )


def _own(evidence: Evidence, sensitive: bool) -> Iterator[Check]:
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
    return Check(
        rule, state, text, value=found.value, ci_low=found.ci_low, ci_high=found.ci_high, guess=guess,
        n=found.n,
    )  # fmt: skip


def _estimate(found: Estimate) -> str:
    return f"{found.value:.0f}% [{found.ci_low:.0f}, {found.ci_high:.0f}]"


def _interval(rate: Mapping[str, Any]) -> str:
    ends: Iterable[float | None] = (rate["ci_low"], rate["ci_high"])
    low, high = ("unbounded" if end is None else f"{end:.1f}" for end in ends)
    return f"{rate['value']:.1f} [{low}, {high}]"
