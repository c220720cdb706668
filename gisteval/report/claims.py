"""Claims: sentences about the results, each marked as shown by the data or left open.

The tests behind them are those of `report.margins` and `report.values`.
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
"""Whether the data show a claim or leave it open."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence about the results, and whether the data show it.

    Attributes:
        text: The sentence, without a full stop.
        finding: Whether the data show it.
        evidence: The numbers behind it.
    """

    text: str
    finding: Finding
    evidence: str


def family_of(name: str) -> str:
    """Return the part of a system's name that its controls share: `LLaMA` of `LLaMA-gist-1`."""
    short = re.sub(r"-(?:gist|pos_control|neg_control)(?:-\d+|-untrained)$", "", name)
    return short if short == name else family_of(short)


def short_names(names: Iterable[str]) -> dict[str, str]:
    """Shorten names for narrow places: without their family if all have the same one.

    `LLaMA-gist-1` becomes `gist-1`.

    Returns:
        The short name of each name.
    """
    all_names = list(names)
    families = {family_of(name) for name in all_names}
    if len(families) != 1:
        return {name: name for name in all_names}
    prefix = f"{families.pop()}-"
    return {name: name.removeprefix(prefix) for name in all_names}


@dataclass(frozen=True, slots=True)
class Findings:
    """All that a report says in words.

    Attributes:
        sentence: The result in a sentence for each positive control.
        controls: Whether the controls differ.
        candidates: Whether each candidate is as good as its positive control, or worse.
        others: Claims about the order of k and about costs.
        judges: A claim for each judge that is in doubt.
    """

    sentence: str
    controls: tuple[Claim, ...]
    candidates: tuple[Claim, ...]
    others: tuple[Claim, ...]
    judges: tuple[Claim, ...] = ()

    @property
    def claims(self) -> tuple[Claim, ...]:
        """All claims, in the order of the report."""
        return self.controls + self.judges + self.candidates + self.others


def findings(
    rows: Sequence[ResultRow], samples: Samples, costs: Sequence[Claim], doubts: Doubts = NO_DOUBTS
) -> Findings:
    """Write the sentence and all claims: about the controls, candidates, order of k, judges and costs."""
    return Findings(
        verdict_sentence(rows, doubts, samples.leading),
        tuple(_controls(rows, doubts, samples.leading)),
        tuple(candidate_claims(rows, doubts, samples.leading)),
        (*_orders_of_k(samples, doubts), *costs),
        tuple(judge_claims(doubts)),
    )


def judge_claims(doubts: Doubts) -> list[Claim]:
    """Write an open claim for each judge in doubt: its win rates show nothing."""
    return [
        Claim(f"the judge {name} tells better outputs from worse ones", "open", "; ".join(doubts.of(name)))
        for name in doubts.judges
    ]


def candidate_claims(
    rows: Sequence[ResultRow], doubts: Doubts = NO_DOUBTS, leading: str = LEADING
) -> list[Claim]:
    """Write for each candidate and split whether it is as good as its positive control, or worse."""
    measure, measured = margins(rows, doubts, leading)
    claims = []
    for margin in measured:
        evidence = f"{measure} {margin.value:+.1f}{ends_text(margin.low, margin.high, '+')}"
        who = f"{margin.system} on {margin.split}"
        among = f"corrected for {margin.among}" if margin.among > 1 else "corrected"
        if margin.within:
            text = f"{who} is within {MARGIN:g} points of its positive control"
            evidence_text = f"{evidence}, p of a loss of {MARGIN:g} points {_p(margin.p_within)} ({among})"
            claims.append(Claim(text, "shown", evidence_text))
        if margin.worse:
            evidence_text = f"{evidence}, p of no loss {_p(margin.p_worse)} ({among})"
            claims.append(Claim(f"{who} is worse than its positive control", "shown", evidence_text))
        if not margin.within and not margin.worse:
            p_values = (
                f"p of a loss of {MARGIN:g} points {_p(margin.p_within)}, of no loss {_p(margin.p_worse)} "
                f"({among})"
            )
            why = margin.why_open or p_values
            text = f"{who} is not clearly as good as its positive control, nor clearly worse"
            claims.append(Claim(text, "open", f"{evidence}, {why}"))
    return claims


def verdict_sentence(rows: Sequence[ResultRow], doubts: Doubts = NO_DOUBTS, leading: str = LEADING) -> str:
    """Write what a run shows about the most compressed candidate of each positive control.

    If every judge is in doubt, the sentence says that instead.
    """
    measure, measured = margins(rows, doubts, leading)
    if doubts.sentences and not measured:
        return f"No conclusion. {' '.join(doubts.sentences)}"
    names = dict.fromkeys(row.system for row in sorted(rows, key=lambda row: row.k) if is_candidate(row))
    references = {row.system: row.reference for row in rows if row.reference is not None}
    leaders: dict[str, str] = {}
    for name in names:
        leaders.setdefault(references.get(name, name), name)
    sentences = (
        _told(name, rows, measure, [margin for margin in measured if margin.system == name], leading)
        for name in dict.fromkeys(row.system for row in rows if row.system in leaders.values())
    )
    statements = [*filter(None, sentences)] or ["No candidate could be compared with controls."]
    return " ".join([*statements, *doubts.sentences])


def _told(
    name: str, rows: Sequence[ResultRow], measure: str, candidate_margins: Sequence[Margin], leading: str
) -> str:
    """Write a candidate's sentences: its retention, then the comparison with its positive control.

    For splits that allow no conclusion, they say why.
    """
    reasons_open = {
        margin.split: margin.why_open for margin in candidate_margins if margin.why_open is not None
    }
    retained = [
        f"{row.retention:.0f}% [{row.retention_ci_low:.0f}%, {row.retention_ci_high:.0f}%] on {row.split}"
        for row in rows
        if (row.system, row.metric) == (name, leading) and row.split not in reasons_open
        if None not in (row.retention, row.retention_ci_low, row.retention_ci_high)
    ]
    stated = [margin for margin in candidate_margins if margin.split not in reasons_open]
    groups = {
        "below the positive control": [m.split for m in stated if m.worse],
        f"within {MARGIN:g} points of the positive control": [
            m.split for m in stated if m.within and not m.worse
        ],
        "neither clearly equivalent to it nor clearly worse": [
            m.split for m in stated if not m.within and not m.worse
        ],
    }
    shown = [
        f"{text} on {_splits(splits, len(candidate_margins))}" for text, splits in groups.items() if splits
    ]
    parts = []
    if retained:
        parts.append(f"{name} keeps {listed(retained)} of the {metric(leading).title} that a prompt adds.")
    if shown:
        parts.append(f"By {measure}, {'it' if retained else name} is {', '.join(shown)}.")
    for why in dict.fromkeys(reasons_open.values()):
        splits = [split for split, reason in reasons_open.items() if reason == why]
        parts.append(f"No conclusion about {name} on {_splits(splits, len(candidate_margins))}: {why}.")
    return " ".join(parts)


def _controls(rows: Sequence[ResultRow], doubts: Doubts, leading: str) -> list[Claim]:
    """Write whether the controls differ. If they don't, nothing between them can be interpreted."""
    return [
        Claim(
            f"the negative control {controls.negative} is below the positive control {controls.positive} "
            f"on {controls.split}",
            "shown" if controls.shown else "open",
            f"{controls.measure} {controls.evidence}, "
            f"p of no difference {_p(controls.p_value)} (corrected)",
        )
        for controls in controls_apart(rows, doubts, leading)
    ]


def _orders_of_k(samples: Samples, doubts: Doubts) -> list[Claim]:
    """Write for each positive control whether any two values of k differ, under the same compressor.

    Compressors without gist tokens have a k of 0 and are no part of it.
    """
    values = values_of(samples)
    ks = {system.name: system.k for system in samples.of_role("candidate")}
    compressors = {system.name: system.compressor for system in samples.of_role("candidate")}
    claims = []
    for reference, members in values.candidates.items():
        for measure in (values.leading, *(judge for judge in samples.judges if judge not in doubts.judges)):
            tested = [
                difference
                for difference in values.differences
                if difference.metric == measure and difference.one in members
                if 0 < ks[difference.one] != ks[difference.other] > 0
                if compressors[difference.one] == compressors[difference.other]
            ]
            clear = []
            for difference in tested:
                if difference.better is not None:
                    high, low = sorted((difference.one, difference.other), key=lambda name: -ks[name])
                    sign = 1 if high == difference.one else -1
                    value = sign * difference.value
                    clear.append(f"k = {ks[high]} against {ks[low]} on {difference.split}: {value:+.1f}")
            if tested:
                leads = measure == values.leading
                name = metric(measure).title if leads else f"the win rate of {measure}"
                beside = f" beside {reference}" if len(values.candidates) > 1 else ""
                count = f"{len(tested)} paired comparisons, Holm's correction"
                claims.append(
                    Claim(
                        f"{name} differs between values of k{beside}",
                        "shown" if clear else "open",
                        f"{count}: {'; '.join(clear)}" if clear else f"none of {count}",
                    )
                )
    return claims


def _p(value: float) -> str:
    return f"{value:.2g}" if value >= 1e-4 else "below 0.0001"


def _splits(splits: Sequence[str], among: int) -> str:
    return "every split" if len(splits) == among > 1 else listed(splits)


def listed(parts: Sequence[str]) -> str:
    """Write parts of a sentence in a row: `a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
