"""The table at the top of the page: each candidate on each split, on the scale of its controls."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from gisteval.metrics import LEADING
from gisteval.records.schema import ResultRow
from gisteval.report.margins import Margin


@dataclass(frozen=True, slots=True)
class Glance:
    """A candidate on a split.

    Attributes:
        retention: The row with its retention; None without an interval.
        margin: Its margin to the positive control; None without one.
    """

    retention: ResultRow | None
    margin: Margin | None


@dataclass(frozen=True, slots=True)
class Scale:
    """What stands for 0% and 100% on a split, as scores in the leading metric."""

    none: float
    whole: float


@dataclass(frozen=True, slots=True)
class GlanceGroup:
    """The candidates of one positive control.

    Attributes:
        reference: The positive control.
        scale: The controls' scores by split.
        systems: Each candidate by split.
    """

    reference: str
    scale: dict[str, Scale] = field(default_factory=dict)
    systems: dict[str, dict[str, Glance]] = field(default_factory=dict)


def glance(
    rows: Sequence[ResultRow], all_margins: Iterable[Margin], leading: str = LEADING
) -> list[GlanceGroup]:
    """Collect retentions, margins and the scale of the controls, in the order of the rows."""
    by_place = {(margin.system, margin.split): margin for margin in all_margins}
    scored = {(row.system, row.split): row for row in rows if row.metric == leading}
    retained = {
        place: row
        for place, row in scored.items()
        if row.retention_ci_low is not None and row.retention_ci_high is not None
    }
    references = {row.system: row.reference for row in rows if row.reference is not None}
    groups: dict[str, GlanceGroup] = {}
    for system, split in dict.fromkeys([*retained, *by_place]):
        reference = references.get(system, "")
        group = groups.setdefault(reference, GlanceGroup(reference))
        found = Glance(retained.get((system, split)), by_place.get((system, split)))
        group.systems.setdefault(system, {})[split] = found
        own = scored.get((system, split))
        whole = scored.get((reference, split))
        none = scored.get((own.negative or "", split)) if own is not None else None
        if whole is not None and none is not None:
            group.scale[split] = Scale(none.value, whole.value)
    return list(groups.values())
