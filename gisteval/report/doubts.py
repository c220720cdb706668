"""Judges that can't be relied on, and why, by system and split under the names of the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from gisteval.judging.veto import Trust
from gisteval.report.layout import Table

MARK = "†"
"""The mark beside the name of a judge that can't be relied on."""

Place = tuple[str, str, str]
"""Judge, system and split."""


@dataclass(frozen=True, slots=True)
class Doubts:
    """The doubts about the judges of one or more runs.

    Attributes:
        places: The reason as a phrase, by judge, system and split; absent without a doubt.
    """

    places: Mapping[Place, str]

    def on(self, judge: str | None, system: str, split: str) -> str:
        """Return why these verdicts allow no conclusion; empty if they do."""
        return self.places.get((judge or "", system, split), "")

    def of(self, judge: str | None) -> tuple[str, ...]:
        """Return all reasons against a judge, each once."""
        return tuple(dict.fromkeys(text for (name, _, _), text in self.places.items() if name == judge))

    @property
    def judges(self) -> tuple[str, ...]:
        """The judges that are in doubt on any system and split."""
        return tuple(dict.fromkeys(name for name, _, _ in self.places))

    @property
    def sentences(self) -> tuple[str, ...]:
        """A sentence for each judge in doubt, with the first reason."""
        return tuple(
            f"The judge {name} can't be relied on, since {self.of(name)[0]}." for name in self.judges
        )

    def marked(self, table: Table, judge: str) -> Table:
        """Return a table of this judge's numbers, with the mark and the reasons if it is in doubt."""
        reasons = self.of(judge)
        if not reasons:
            return table
        notes = [table.note, *(f"{MARK} Judge {judge} can't be relied on: {text}." for text in reasons)]
        return replace(table, title=f"{table.title} {MARK}", note=" ".join(filter(None, notes)))


NO_DOUBTS = Doubts({})


def doubts_of(
    trusts: Iterable[Trust], names: Mapping[str, str], systems: Iterable[str], splits: Sequence[str]
) -> dict[Place, str]:
    """Collect the doubts about the judges of one run, vetoes first.

    Args:
        trusts: What is known of each judge.
        names: The name of each system in the report, by its name in the run.
        systems: The systems of the run.
        splits: The splits of the run.

    Returns:
        The reason as a phrase, by judge, system and split.
    """
    vetoed: dict[Place, str] = {}
    doubted: dict[Place, str] = {}
    all_systems = list(systems)
    for trust in trusts:
        for system, split in product(all_systems, splits):
            places = doubted if trust.veto(system, split) is None else vetoed
            problem = trust.problem(system, split)
            if problem:
                places[trust.judge, names.get(system, system), split] = problem
    return vetoed | doubted
