"""Costs of the unfinished entries of a sweep, for `gisteval sweep --dry-run`."""

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
    """The cost of an entry of a sweep.

    Attributes:
        name: Name of the entry.
        folder: Folder of its run. None if it failed before it had one.
        state: "finished", "failed" or "open" (still to be run).
        error: Why it failed, or None.
        cost: Cost of its run, if it is open.
    """

    name: str
    folder: Path | None
    state: Literal["finished", "failed", "open"]
    error: str | None
    cost: RunCost | None

    def to_json(self) -> dict[str, object]:
        """Return the entry as plain values."""
        return {
            "entry": self.name,
            "folder": None if self.folder is None else str(self.folder),
            "state": self.state,
            "error": self.error,
            **({} if self.cost is None else self.cost.to_json()),
        }


@dataclass(frozen=True)
class SweepCost:
    """The costs of all entries, with sums over the open ones."""

    entries: tuple[EntryCost, ...]

    @property
    def open(self) -> list[RunCost]:
        """Costs of the entries that are to be run."""
        return [entry.cost for entry in self.entries if entry.cost is not None]

    @property
    def expected(self) -> Bill | None:
        """The expected cost on one worker. None if nothing is open."""
        return reduce(add, (cost.expected for cost in self.open)) if self.open else None

    @property
    def most(self) -> Bill | None:
        """The largest possible cost on one worker. None if nothing is open."""
        return reduce(add, (cost.most for cost in self.open)) if self.open else None

    @property
    def judges(self) -> float | None:
        """Most dollars of all judges. None if a judge has no price."""
        prices = [cost.judge.dollars_most for cost in self.open if cost.judge is not None]
        return None if None in prices else sum(dollars for dollars in prices if dollars is not None)

    def to_json(self) -> dict[str, object]:
        """Return the estimate as plain values."""
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
    """Estimate the unfinished entries of a sweep. An entry that has been started counts as a whole.

    Args:
        configs: The entries.
        folder: Folder of the sweep, which is only read.
        rates: Speed and price of a worker.
    """
    entries = []
    for checked in check_entries(configs, folder):
        if isinstance(checked, Outcome):
            entries.append(EntryCost(checked.name, None, "failed", checked.error, None))
            continue
        entry, plan = checked
        if entry.finished:
            entries.append(EntryCost(entry.folder.name, entry.folder, "finished", None, None))
        else:
            rates = measured(rates, plan)  # only once, since all entries share the machine
            cost = estimate_run(plan, rates)
            entries.append(EntryCost(entry.folder.name, entry.folder, "open", None, cost))
    return SweepCost(tuple(entries))
