"""What the numbers support and what they don't, in sentences: no more than their tests hold.

The tests are those of `report.margins`; here is what they are put into words by.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from gisteval.metrics import LEADING, metric
from gisteval.records.schema import ResultRow
from gisteval.report.doubts import NO_DOUBTS, Doubts
from gisteval.report.margins import Margin, controls_apart, ends_text, is_candidate, margins
from gisteval.report.samples import Samples
from gisteval.report.values import values_of
from gisteval.stats import MARGIN

Finding = Literal["shown", "open"]
"""The data show it, or leave it open."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence that a reader might want to say, and whether the data support it."""

    text: str
    finding: Finding
    evidence: str


def family_of(name: str) -> str:
    """The part of a system's name that its controls share: `LLaMA` of `LLaMA-gist-1`."""
    short = re.sub(r"-(?:gist|pos_control|neg_control)(?:-\d+|-untrained)$", "", name)
    return short if short == name else family_of(short)


def short_names(names: Iterable[str]) -> dict[str, str]:
    """Names without their family where all share one: `gist-1` of `LLaMA-gist-1`, for narrow places."""
    found = list(names)
    families = {family_of(name) for name in found}
    if len(families) != 1:
        return {name: name for name in found}
    prefix = f"{families.pop()}-"
    return {name: name.removeprefix(prefix) for name in found}


@dataclass(frozen=True, slots=True)
class Findings:
    """What a report says in words. judges: of those in doubt; others: of the order of k, and of costs."""

    sentence: str
    controls: tuple[Claim, ...]
    candidates: tuple[Claim, ...]
    others: tuple[Claim, ...]
    judges: tuple[Claim, ...] = ()

    @property
    def claims(self) -> tuple[Claim, ...]:
        """All of them."""
        return self.controls + self.judges + self.candidates + self.others


def findings(
    rows: Sequence[ResultRow], samples: Samples, costs: Sequence[Claim], doubts: Doubts = NO_DOUBTS
) -> Findings:
    """The sentence and all claims: of the controls, of each candidate, of the order of k, of costs."""
    return Findings(
        verdict_sentence(rows, doubts, samples.leading),
        tuple(_controls(rows, doubts, samples.leading)),
        tuple(candidate_claims(rows, doubts, samples.leading)),
        (*_orders_of_k(samples, doubts), *costs),
        tuple(judge_claims(doubts)),
    )


def judge_claims(doubts: Doubts) -> list[Claim]:
    """Of each judge in doubt, that its win rates show nothing."""
    return [
        Claim(f"the judge {name} tells better outputs from worse ones", "open", "; ".join(doubts.of(name)))
        for name in doubts.judges
    ]


def candidate_claims(
    rows: Sequence[ResultRow], doubts: Doubts = NO_DOUBTS, leading: str = LEADING
) -> list[Claim]:
    """Of each candidate and split whether it is as good as its positive control, or worse; or neither."""
    measure, found = margins(rows, doubts, leading)
    stated = []
    for margin in found:
        evidence = f"{measure} {margin.value:+.1f}{ends_text(margin.low, margin.high, '+')}"
        who = f"{margin.system} on {margin.split}"
        among = f"corrected for {margin.among}" if margin.among > 1 else "corrected"
        if margin.within:
            text = f"{who} is within {MARGIN:g} points of its positive control"
            shown = f"{evidence}, p of a loss of {MARGIN:g} points {_p(margin.p_within)} ({among})"
            stated.append(Claim(text, "shown", shown))
        if margin.worse:
            shown = f"{evidence}, p of no loss {_p(margin.p_worse)} ({among})"
            stated.append(Claim(f"{who} is worse than its positive control", "shown", shown))
        if not margin.within and not margin.worse:
            p_values = (
                f"p of a loss of {MARGIN:g} points {_p(margin.p_within)}, of no loss {_p(margin.p_worse)} "
                f"({among})"
            )
            why = margin.why_open or p_values
            text = f"{who} is neither shown to be as good nor to be worse"
            stated.append(Claim(text, "open", f"{evidence}, {why}"))
    return stated


def verdict_sentence(rows: Sequence[ResultRow], doubts: Doubts = NO_DOUBTS, leading: str = LEADING) -> str:
    """What a run shows, in a sentence: the most compressed candidate beside each positive control.

    Where every judge is in doubt, that stands in the place of it.
    """
    measure, found = margins(rows, doubts, leading)
    if doubts.sentences and not found:
        return f"No conclusion. {' '.join(doubts.sentences)}"
    names = {row.system: row for row in sorted(rows, key=lambda row: -row.k) if is_candidate(row)}
    references = {row.system: row.reference for row in rows if row.reference is not None}
    leaders = {references.get(name, name): name for name in names}
    told = (
        _told(name, rows, measure, [margin for margin in found if margin.system == name], leading)
        for name in dict.fromkeys(row.system for row in rows if row.system in leaders.values())
    )
    found_out = [*filter(None, told)] or ["No candidate could be compared with controls."]
    return " ".join([*found_out, *doubts.sentences])


def _told(name: str, rows: Sequence[ResultRow], measure: str, own: Sequence[Margin], leading: str) -> str:
    """A candidate's sentences: what it retains, then what it is by its measure; or why neither is said."""
    silent = {margin.split: margin.why_open for margin in own if margin.why_open is not None}
    kept = [
        f"{row.retention:.0f}% [{row.retention_ci_low:.0f}%, {row.retention_ci_high:.0f}%] on {row.split}"
        for row in rows
        if (row.system, row.metric) == (name, leading) and row.split not in silent
        if None not in (row.retention, row.retention_ci_low, row.retention_ci_high)
    ]
    said = [margin for margin in own if margin.split not in silent]
    groups = {
        "below the positive control": [m.split for m in said if m.worse],
        f"within {MARGIN:g} points of the positive control": [
            m.split for m in said if m.within and not m.worse
        ],
        "neither shown to be equal nor to be below": [
            m.split for m in said if not m.within and not m.worse
        ],
    }
    shown = [f"{text} on {_splits(splits, len(own))}" for text, splits in groups.items() if splits]
    parts = []
    if kept:
        parts.append(f"{name} keeps {_listed(kept)} of the {metric(leading).title} that a prompt adds.")
    if shown:
        parts.append(f"By {measure}, {'it' if kept else name} is {', '.join(shown)}.")
    for why in dict.fromkeys(silent.values()):
        splits = [split for split, found in silent.items() if found == why]
        parts.append(f"Nothing is said of {name} on {_splits(splits, len(own))}, where {why}.")
    return " ".join(parts)


def _controls(rows: Sequence[ResultRow], doubts: Doubts, leading: str) -> list[Claim]:
    """Whether the controls lie apart: without that, nothing between them means anything."""
    return [
        Claim(
            f"the negative control {found.negative} is below the positive control {found.positive} on "
            f"{found.split}",
            "shown" if found.shown else "open",
            f"{found.measure} {found.evidence}, p of no difference {_p(found.p_value)} (corrected)",
        )
        for found in controls_apart(rows, doubts, leading)
    ]


def _orders_of_k(samples: Samples, doubts: Doubts) -> list[Claim]:
    """Whether any two k beside a positive control differ."""
    values = values_of(samples)
    ks = {system.name: system.k for system in samples.of_role("candidate")}
    stated = []
    for reference, members in values.candidates.items():
        for measure in (values.leading, *(judge for judge in samples.judges if judge not in doubts.judges)):
            tested = [
                difference
                for difference in values.differences
                if difference.metric == measure and difference.one in members
                if ks[difference.one] != ks[difference.other]
            ]
            clear = []
            for found in tested:
                if found.better is not None:
                    high, low = sorted((found.one, found.other), key=lambda name: -ks[name])
                    sign = 1 if high == found.one else -1
                    clear.append(
                        f"k = {ks[high]} against {ks[low]} on {found.split}: {sign * found.value:+.1f}"
                    )
            if tested:
                leads = measure == values.leading
                name = metric(measure).title if leads else f"the win rate of {measure}"
                beside = f" beside {reference}" if len(values.candidates) > 1 else ""
                count = f"{len(tested)} paired comparisons, Holm's correction"
                stated.append(
                    Claim(
                        f"{name} differs between values of k{beside}",
                        "shown" if clear else "open",
                        f"{count}: {'; '.join(clear)}" if clear else f"none of {count}",
                    )
                )
    return stated


def _p(value: float) -> str:
    return f"{value:.2g}" if value >= 1e-4 else "below 0.0001"


def _splits(splits: Sequence[str], among: int) -> str:
    return "every split" if len(splits) == among > 1 else _listed(splits)


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
