"""Result rows for figures: by family (the systems that share controls), metric and split."""

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
    """The rows of one family.

    Attributes:
        name: What the names of its systems have in common.
        candidates: The rows of the candidates by system, metric and split.
        positive: The rows of the positive control by metric and split.
        negative: The rows of the negative control by metric and split.
    """

    name: str
    candidates: dict[str, dict[str, dict[str, ResultRow]]]
    positive: dict[str, dict[str, ResultRow]]
    negative: dict[str, dict[str, ResultRow]]

    def has(self, metric: str) -> bool:
        """Say whether any candidate has the metric."""
        return any(metric in metrics for metrics in self.candidates.values())

    def over_k(self) -> Family:
        """Return the family with only those candidates that have a number of gist tokens or slots."""
        counted = {
            system: metrics
            for system, metrics in self.candidates.items()
            if any(k_text(row) != "-" for by_split in metrics.values() for row in by_split.values())
        }
        return replace(self, candidates=counted)

    def control_label(self, role: Literal["positive", "negative"]) -> str:
        """Name a control. It is marked if it is the candidate's own weights, untrained."""
        control = self.positive if role == "positive" else self.negative
        rows = [row for by_split in control.values() for row in by_split.values()]
        untrained = any(row.control == "untrained" for row in rows)
        return f"{role} control{' (untrained)' if untrained else ''}"


def family_name(system: str, reference: str | None) -> str:
    """Return the family's name: from the positive control (reference), or else from the system's name."""
    return family_of(reference or system)


def families(rows: Iterable[ResultRow]) -> list[Family]:
    """Group rows into families that have a candidate, in the order of the rows; candidates by k."""
    by_name: dict[str, Family] = {}
    all_rows = list(rows)
    references = {row.system: row.reference for row in all_rows if row.reference is not None}
    for row in all_rows:
        name = family_name(row.system, references.get(row.system))
        family = by_name.setdefault(name, Family(name, {}, {}, {}))
        if row.condition == "pos_control":
            metrics = family.positive
        elif row.condition == "neg_control":
            metrics = family.negative
        else:
            metrics = family.candidates.setdefault(row.system, {})
        metrics.setdefault(row.metric, {})[row.split] = row
    for family in by_name.values():
        by_k = sorted(family.candidates.items(), key=lambda item: _k(item[1]))
        family.candidates.clear()
        family.candidates.update(by_k)
    return [family for family in by_name.values() if family.candidates]


def splits_of(rows: Sequence[ResultRow]) -> list[str]:
    """Return the splits in the order of the rows."""
    return list(dict.fromkeys(row.split for row in rows))


def half_widths(row: ResultRow) -> tuple[float, float]:
    """Return the distances from the value to both ends of its interval. NaN draws no bar."""
    low = math.nan if row.ci_low is None else row.value - row.ci_low
    high = math.nan if row.ci_high is None else row.ci_high - row.value
    return low, high


def _k(metrics: dict[str, dict[str, ResultRow]]) -> int:
    return next(row.k for by_split in metrics.values() for row in by_split.values())
