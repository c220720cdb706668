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
from gisteval.report.samples import Samples, SystemInfo
from gisteval.schema import ResultRow

MARGIN = 5.0
"""Points, of ROUGE-L or of a win rate around 50, within which a candidate counts as good as its control."""

SIGNIFICANT = 0.05

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


def margins(rows: Iterable[ResultRow]) -> tuple[str, list[Margin]]:
    """What candidates are held by (the first judge's win rate, or ROUGE-L), and each one's margin."""
    found = list(rows)
    judged = [row for row in found if row.metric == "win_rate" and _is_candidate(row)]
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


def claims(rows: Sequence[ResultRow], samples: Samples) -> list[Claim]:
    """The claims on which all others rest, the controls lie apart; and the one about the order of k."""
    return _controls(rows) + _orders_of_k(samples)


def verdict_sentence(rows: Sequence[ResultRow]) -> str:
    """What a run shows, in a sentence: the most compressed candidate of each family against its control."""
    _, found = margins(rows)
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
    return " ".join(filter(None, parts)) or "No candidate could be compared with controls."


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


def _orders_of_k(samples: Samples) -> list[Claim]:
    """Whether any two k of a family differ in ROUGE-L, all pairs and splits of it tested together."""
    families: dict[str, list[SystemInfo]] = {}
    for system in samples.of_role("candidate"):
        families.setdefault(family_of(system.name), []).append(system)
    stated = []
    for family, members in families.items():
        tested: list[tuple[str, float]] = []
        for first, second in combinations(sorted(members, key=lambda s: s.k), 2):
            for split in samples.splits if first.k != second.k else ():
                both = [
                    (
                        sample.outputs[second.name].rouge,
                        sample.outputs[first.name].rouge,
                        sample.example.instruction,
                    )
                    for sample in samples.samples
                    if sample.example.split == split and {first.name, second.name} <= set(sample.outputs)
                ]
                if both:
                    higher, lower, clusters = zip(*both, strict=True)
                    # The p-value of permutations, which takes long, is not used.
                    paired = stats.paired_difference(higher, lower, clusters, permutations=1)
                    text = f"k = {second.k} against {first.k} on {split}: {paired.estimate.value:+.1f}"
                    tested.append((text, paired.p_value_t))
        if tested:
            corrected = stats.holm([p for _, p in tested])
            clear = [text for (text, _), p in zip(tested, corrected, strict=True) if p < SIGNIFICANT]
            count = f"{len(tested)} paired comparisons, Holm's correction"
            stated.append(
                Claim(
                    f"{family}: ROUGE-L differs between values of k",
                    "shown" if clear else "open",
                    f"{count}: {'; '.join(clear)}" if clear else f"none of {count}",
                )
            )
    return stated


def _is_candidate(row: ResultRow) -> bool:
    return row.condition not in ("pos_control", "neg_control")


def _less(value: float | None) -> float | None:
    return None if value is None else value - 50


def _splits(splits: Sequence[str], among: int) -> str:
    return "every split" if len(splits) == among > 1 else _listed(splits)


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
