"""Judges that no conclusion may rest on, as a report says it: by system and split, under its own names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from gisteval.judging.veto import Trust
from gisteval.report.layout import Table

MARK = "†"
"""Stands beside the name of a judge that can't be relied on."""

Place = tuple[str, str, str]
"""Judge, system and split."""


@dataclass(frozen=True, slots=True)
class Doubts:
    """Of the judges of one run or several. places: the reason in a phrase; absent where there is none."""

    places: Mapping[Place, str]

    def on(self, judge: str | None, system: str, split: str) -> str:
        """Why no conclusion may rest on these verdicts; empty if one may."""
        return self.places.get((judge or "", system, split), "")

    def of(self, judge: str | None) -> tuple[str, ...]:
        """All reasons against a judge, each once."""
        return tuple(dict.fromkeys(text for (name, _, _), text in self.places.items() if name == judge))

    @property
    def judges(self) -> tuple[str, ...]:
        """The judges that are in doubt anywhere."""
        return tuple(dict.fromkeys(name for name, _, _ in self.places))

    @property
    def sentences(self) -> tuple[str, ...]:
        """For each judge in doubt, that it can't be relied on, and the first reason."""
        return tuple(
            f"The judge {name} can't be relied on, since {self.of(name)[0]}." for name in self.judges
        )

    def marked(self, table: Table, judge: str) -> Table:
        """A table of this judge's numbers, with the mark and its reasons if it is in doubt."""
        reasons = self.of(judge)
        if not reasons:
            return table
        notes = [table.note, *(f"{MARK} Judge {judge} can't be relied on: {text}." for text in reasons)]
        return replace(table, title=f"{table.title} {MARK}", note=" ".join(filter(None, notes)))


NO_DOUBTS = Doubts({})


def doubts_of(
    trusts: Iterable[Trust], names: Mapping[str, str], systems: Iterable[str], splits: Sequence[str]
) -> dict[Place, str]:
    """The places of one run where a judge is in doubt, vetoes first. names: its systems' in the report."""
    vetoed: dict[Place, str] = {}
    doubted: dict[Place, str] = {}
    found = list(systems)
    for trust in trusts:
        for system, split in product(found, splits):
            places = doubted if trust.veto(system, split) is None else vetoed
            problem = trust.problem(system, split)
            if problem:
                places[trust.judge, names.get(system, system), split] = problem
    return vetoed | doubted
