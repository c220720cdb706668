"""Result rows by family of systems (those that share controls), split and metric, as figures want them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from gisteval.records.schema import ResultRow
from gisteval.report.claims import family_of
from gisteval.report.tables import k_text


@dataclass(frozen=True, slots=True)
class Family:
    """Rows of one family: candidates by name, metric and split, controls by metric and split."""

    name: str
    candidates: dict[str, dict[str, dict[str, ResultRow]]]
    positive: dict[str, dict[str, ResultRow]]
    negative: dict[str, dict[str, ResultRow]]

    def has(self, metric: str) -> bool:
        """Whether any candidate has the metric."""
        return any(metric in found for found in self.candidates.values())

    def over_k(self) -> Family:
        """The same family with those candidates alone that have gist tokens, or slots, to count."""
        counted = {
            system: metrics
            for system, metrics in self.candidates.items()
            if any(k_text(row) != "-" for by_split in metrics.values() for row in by_split.values())
        }
        return replace(self, candidates=counted)

    def control_label(self, role: Literal["positive", "negative"]) -> str:
        """`positive control`, marked where it is the candidate's own weights, not trained as one."""
        found = self.positive if role == "positive" else self.negative
        rows = [row for by_split in found.values() for row in by_split.values()]
        untrained = any(row.control == "untrained" for row in rows)
        return f"{role} control{' (untrained)' if untrained else ''}"


def family_name(system: str, reference: str | None) -> str:
    """What systems that share a positive control (reference) have in common; else what their names have."""
    return family_of(reference or system)


def families(rows: Iterable[ResultRow]) -> list[Family]:
    """The families that have a candidate, in the order of the rows; candidates by k."""
    found: dict[str, Family] = {}
    given = list(rows)
    references = {row.system: row.reference for row in given if row.reference is not None}
    for row in given:
        name = family_name(row.system, references.get(row.system))
        family = found.setdefault(name, Family(name, {}, {}, {}))
        if row.condition == "pos_control":
            metrics = family.positive
        elif row.condition == "neg_control":
            metrics = family.negative
        else:
            metrics = family.candidates.setdefault(row.system, {})
        metrics.setdefault(row.metric, {})[row.split] = row
    for family in found.values():
        by_k = sorted(family.candidates.items(), key=lambda item: _k(item[1]))
        family.candidates.clear()
        family.candidates.update(by_k)
    return [family for family in found.values() if family.candidates]


def splits_of(rows: Sequence[ResultRow]) -> list[str]:
    """Splits in the order of the rows."""
    return list(dict.fromkeys(row.split for row in rows))


def half_widths(row: ResultRow) -> tuple[float, float]:
    """From the value down to the interval's low end and up to its high one; NaN draws no bar."""
    low = math.nan if row.ci_low is None else row.value - row.ci_low
    high = math.nan if row.ci_high is None else row.ci_high - row.value
    return low, high


def _k(metrics: dict[str, dict[str, ResultRow]]) -> int:
    return next(row.k for by_split in metrics.values() for row in by_split.values())
