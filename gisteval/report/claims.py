"""What the numbers support and what they don't, in sentences: no more than their intervals hold.

A candidate is held against its positive control: by its win rate where a judge was asked, else by the
paired difference in ROUGE-L. "Within" is an interval that lies above -MARGIN, "worse" one that lies
below 0; an interval that does neither leaves both open.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from gisteval import stats
from gisteval.report.doubts import NO_DOUBTS, Doubts
from gisteval.report.samples import Samples, SystemInfo
from gisteval.report.values import SIGNIFICANT, values_of
from gisteval.schema import ResultRow

MARGIN = 5.0
"""Points, of ROUGE-L or of a win rate around 50, within which a candidate counts as good as its control."""

Finding = Literal["shown", "open"]
"""The data show it, or leave it open."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence that a reader might want to say, and whether the data support it."""

    text: str
    finding: Finding
    evidence: str


@dataclass(frozen=True, slots=True)
class Margin:
    """A candidate less its positive control in points, with the 95% interval (None: unbounded)."""

    system: str
    split: str
    value: float
    low: float | None
    high: float | None

    @property
    def within(self) -> bool:
        """Shown to be at most MARGIN points below."""
        return self.low is not None and self.low > -MARGIN

    @property
    def worse(self) -> bool:
        """Shown to be below."""
        return self.high is not None and self.high < 0

    @property
    def finding(self) -> str:
        """What the interval holds, in a few words."""
        if self.worse:
            return f"below, by less than {MARGIN:g}" if self.within else "below"
        return f"within {MARGIN:g}" if self.within else "open"


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


def margins(rows: Iterable[ResultRow], doubts: Doubts = NO_DOUBTS) -> tuple[str, list[Margin]]:
    """What candidates are held by (the first judge's win rate, or ROUGE-L), and each one's margin.

    Win rates of a judge in doubt make no margin, and nothing else takes their place.
    """
    found = list(rows)
    given = [row for row in found if row.metric == "win_rate" and _is_candidate(row)]
    judged = [row for row in given if not doubts.on(row.judge, row.system, row.split)]
    if doubts.judges and not judged:
        return f"the win rate (judge {doubts.judges[0]}, which can't be relied on)", []
    judged = [row for row in judged if row.judge == judged[0].judge]
    if judged:
        return f"the win rate (judge {judged[0].judge}) less 50", [
            Margin(row.system, row.split, row.value - 50, _less(row.ci_low), _less(row.ci_high))
            for row in judged
        ]
    return "ROUGE-L less the positive control's", [
        Margin(row.system, row.split, row.difference, row.difference_ci_low, row.difference_ci_high)
        for row in found
        if row.metric == "rougeL" and _is_candidate(row) and row.difference is not None
    ]


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
        verdict_sentence(rows, doubts),
        tuple(_controls(rows)),
        tuple(candidate_claims(rows, doubts)),
        (*_orders_of_k(samples, doubts), *costs),
        tuple(judge_claims(doubts)),
    )


def judge_claims(doubts: Doubts) -> list[Claim]:
    """Of each judge in doubt, that its win rates show nothing."""
    return [
        Claim(f"the judge {name} tells better outputs from worse ones", "open", "; ".join(doubts.of(name)))
        for name in doubts.judges
    ]


def candidate_claims(rows: Sequence[ResultRow], doubts: Doubts = NO_DOUBTS) -> list[Claim]:
    """Of each candidate and split whether it is as good as its positive control, or worse; or neither."""
    measure, found = margins(rows, doubts)
    stated = []
    for margin in found:
        ends = ["unbounded" if end is None else f"{end:+.1f}" for end in (margin.low, margin.high)]
        evidence = f"{measure} {margin.value:+.1f} [{', '.join(ends)}]"
        who = f"{margin.system} on {margin.split}"
        if margin.within:
            text = f"{who} is within {MARGIN:g} points of its positive control"
            stated.append(Claim(text, "shown", evidence))
        if margin.worse:
            stated.append(Claim(f"{who} is worse than its positive control", "shown", evidence))
        if not margin.within and not margin.worse:
            stated.append(Claim(f"{who} is neither shown to be as good nor to be worse", "open", evidence))
    return stated


def verdict_sentence(rows: Sequence[ResultRow], doubts: Doubts = NO_DOUBTS) -> str:
    """What a run shows, in a sentence: the most compressed candidate of each family against its control.

    Where every judge is in doubt, that stands in the place of it.
    """
    _, found = margins(rows, doubts)
    if doubts.sentences and not found:
        return f"No conclusion. {' '.join(doubts.sentences)}"
    names = {row.system: row.k for row in sorted(rows, key=lambda row: -row.k) if _is_candidate(row)}
    leaders = {family_of(name): name for name in names}
    parts = []
    for name in dict.fromkeys(row.system for row in rows if row.system in leaders.values()):
        kept = [
            f"{row.retention:.0f}% on {row.split}"
            for row in rows
            if (row.system, row.metric) == (name, "rougeL") and row.retention is not None
        ]
        own = [margin for margin in found if margin.system == name]
        groups = {
            "below the positive control": [m.split for m in own if m.worse],
            f"within {MARGIN:g} points of the positive control": [
                m.split for m in own if m.within and not m.worse
            ],
            "neither shown to be equal nor to be below": [
                m.split for m in own if not m.within and not m.worse
            ],
        }
        said = [f"{text} on {_splits(splits, len(own))}" for text, splits in groups.items() if splits]
        keeps = f"{name} keeps {_listed(kept)} of the ROUGE-L that a prompt adds" if kept else name
        parts.append(f"{keeps}{'; it is ' + ', '.join(said) if said else ''}." if kept or said else "")
    found_out = [*filter(None, parts)] or ["No candidate could be compared with controls."]
    return " ".join([*found_out, *doubts.sentences])


def _controls(rows: Sequence[ResultRow]) -> list[Claim]:
    """Whether the controls lie apart: without that, nothing between them means anything."""
    controls: dict[tuple[str, str], dict[str, ResultRow]] = {}
    for row in rows:
        if row.metric == "rougeL" and row.condition in ("pos_control", "neg_control"):
            controls.setdefault((family_of(row.system), row.split), {})[row.condition] = row
    stated = []
    for (family, split), pair in controls.items():
        if len(pair) == 2:
            low, high = pair["neg_control"], pair["pos_control"]
            apart = low.ci_high is not None and high.ci_low is not None and low.ci_high < high.ci_low
            stated.append(
                Claim(
                    f"{family}: the negative control on {split} is below the positive control",
                    "shown" if apart else "open",
                    f"ROUGE-L {low.value:.1f} against {high.value:.1f}, "
                    f"intervals {'apart' if apart else 'overlap'}",
                )
            )
    return stated


def _orders_of_k(samples: Samples, doubts: Doubts) -> list[Claim]:
    """Whether any two k of a family differ, all pairs and splits of a metric tested together."""
    families: dict[str, list[SystemInfo]] = {}
    for system in samples.of_role("candidate"):
        families.setdefault(family_of(system.name), []).append(system)
    values = values_of(samples)
    stated = []
    for family, members in families.items():
        for metric in ("rougeL", *(judge for judge in samples.judges if judge not in doubts.judges)):
            tested: list[tuple[str, float]] = []
            for first, second in combinations(sorted(members, key=lambda s: s.k), 2):
                for split in samples.splits if first.k != second.k else ():
                    paired = values.compare(metric, second.name, first.name, split)
                    if paired is not None:
                        text = f"k = {second.k} against {first.k} on {split}: {paired.estimate.value:+.1f}"
                        tested.append((text, paired.p_value_t))
            if tested:
                name = "ROUGE-L" if metric == "rougeL" else f"the win rate of {metric}"
                stated.append(_differ(f"{family}: {name} differs between values of k", tested))
    return stated


def _differ(text: str, tested: Sequence[tuple[str, float]]) -> Claim:
    corrected = stats.holm([p for _, p in tested])
    clear = [name for (name, _), p in zip(tested, corrected, strict=True) if p < SIGNIFICANT]
    count = f"{len(tested)} paired comparisons, Holm's correction"
    return Claim(
        text, "shown" if clear else "open", f"{count}: {'; '.join(clear)}" if clear else f"none of {count}"
    )


def _is_candidate(row: ResultRow) -> bool:
    return row.condition not in ("pos_control", "neg_control")


def _less(value: float | None) -> float | None:
    return None if value is None else value - 50


def _splits(splits: Sequence[str], among: int) -> str:
    return "every split" if len(splits) == among > 1 else _listed(splits)


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
