"""`gisteval sweep --dry-run`: what each entry that is not finished would take, and all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from operator import add
from pathlib import Path
from typing import Literal

from gisteval.config import RunConfig
from gisteval.pipeline.estimate.run_cost import Bill, Rates, RunCost, estimate_run, measured
from gisteval.pipeline.sweep.sweep_runs import Outcome, check_entries


@dataclass(frozen=True)
class EntryCost:
    """An entry of a sweep: finished, failed (its error says why), or open, with what its run takes."""

    name: str
    folder: Path | None
    state: Literal["finished", "failed", "open"]
    error: str | None
    cost: RunCost | None

    def to_json(self) -> dict[str, object]:
        """Plain form."""
        return {
            "entry": self.name,
            "folder": None if self.folder is None else str(self.folder),
            "state": self.state,
            "error": self.error,
            **({} if self.cost is None else self.cost.to_json()),
        }


@dataclass(frozen=True)
class SweepCost:
    """All entries, and the sums over the open ones."""

    entries: tuple[EntryCost, ...]

    @property
    def open(self) -> list[RunCost]:
        """Costs of the entries that are to be run."""
        return [entry.cost for entry in self.entries if entry.cost is not None]

    @property
    def expected(self) -> Bill | None:
        """On one worker; None if nothing is open."""
        return reduce(add, (cost.expected for cost in self.open)) if self.open else None

    @property
    def most(self) -> Bill | None:
        """On one worker; None if nothing is open."""
        return reduce(add, (cost.most for cost in self.open)) if self.open else None

    @property
    def judges(self) -> float | None:
        """Dollars at most; None if a judge has no price."""
        found = [cost.judge.dollars_most for cost in self.open if cost.judge is not None]
        return None if None in found else sum(dollars for dollars in found if dollars is not None)

    def to_json(self) -> dict[str, object]:
        """Plain form."""
        expected, most = self.expected, self.most
        return {
            "entries": [entry.to_json() for entry in self.entries],
            "worker": {
                "expected": None if expected is None else asdict(expected),
                "most": None if most is None else asdict(most),
            },
            "judges_dollars_most": self.judges,
        }


def estimate_sweep(configs: Sequence[RunConfig], folder: Path, rates: Rates) -> SweepCost:
    """Count what is not finished; an entry that a run has begun counts as a whole. Nothing is written."""
    found = []
    for checked in check_entries(configs, folder):
        if isinstance(checked, Outcome):
            found.append(EntryCost(checked.name, None, "failed", checked.error, None))
            continue
        entry, plan = checked
        if entry.finished:
            found.append(EntryCost(entry.folder.name, entry.folder, "finished", None, None))
        else:
            rates = measured(rates, plan)  # once: entries share the machine
            cost = estimate_run(plan, rates)
            found.append(EntryCost(entry.folder.name, entry.folder, "open", None, cost))
    return SweepCost(tuple(found))
