"""A finished run in Python: its numbers as data frames, and what a notebook shows of it.

Everything is read from the run's folder, so a run of yesterday is the same object as one of now.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from gisteval.errors import GistevalError, counted, did_you_mean
from gisteval.records.judge_figures import JudgingEntry
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import ResultRow, digest

if TYPE_CHECKING:
    import pandas as pd

    from gisteval.report.notebook import Frontier


@dataclass(frozen=True, repr=False)
class Run:
    """A finished run. A notebook shows its summary.

    Attributes:
        folder: Its run folder.
        rows: The rows of results.json.
        notes: What a reader of the rows must know.
        judging: The figures of its judges.
    """

    folder: Path
    rows: tuple[ResultRow, ...]
    notes: tuple[str, ...]
    judging: tuple[JudgingEntry, ...] = ()

    def __repr__(self) -> str:
        systems, splits = ({getattr(row, name) for row in self.rows} for name in ("system", "split"))
        counts = f"{counted(len(systems), 'system')}, {counted(len(splits), 'split')}"
        return f"Run({str(self.folder)!r}: {counts})"

    def _repr_html_(self) -> str:
        from gisteval.report.notebook import summary_html
        from gisteval.report.summary import summary

        return summary_html(summary(self.rows, self.judging), self.folder)

    @property
    def results(self) -> pd.DataFrame:
        """The rows of results.json as a DataFrame."""
        import pandas as pd

        return pd.DataFrame([asdict(row) for row in self.rows])

    def frontier(self, metric: str | None = None) -> Frontier:
        """The scores of the compressed systems against the bytes that a stored prompt takes.

        Args:
            metric: The metric, one whose values need no judge. Default: the one that the report leads with.

        Returns:
            Its `table` is a DataFrame with a row for each split and system. Its `figures` are PNG images;
            without matplotlib there are none. A notebook shows both.

        Raises:
            GistevalError: The run has no such metric.
        """
        from gisteval.report.data import read_runs
        from gisteval.report.notebook import frontier_of

        return frontier_of(read_runs([RunFolder.open(self.folder)]), metric)

    def compare(
        self,
        other: Run | str | Path,
        metric: str | Sequence[str] | None = None,
        split: str | Sequence[str] | None = None,
        system: str | None = None,
        other_system: str | None = None,
    ) -> pd.DataFrame:
        """Compare with another run example by example: this run minus the other one.

        The numbers are those of `gisteval compare`. What could not be compared, and a judge that can't be
        relied on, are warned of.

        Args:
            other: The other run, or its folder.
            metric: The metrics. Default: the usual ones of this run, and every win rate.
            split: The splits. Default: all that both runs have.
            system: Which system of this run, if it has several.
            other_system: Which system of the other run. Default: the only one, or the same name.

        Returns:
            A row for each split and metric: both means, their paired difference with its 95% interval, its
            p-values (alone, and by Holm's method over all rows), counts, and a doubt of the judge.

        Raises:
            GistevalError: A name is unknown, or a run has several systems and none is named.
            InvalidRun: The runs don't share their examples.
        """
        import pandas as pd

        from gisteval.gate.compare import MetricDifference
        from gisteval.gate.compare import compare as compare_sides
        from gisteval.gate.sides import choose_side

        theirs = other.folder if isinstance(other, Run) else Path(other)
        first = choose_side(self.folder, system, "system=")
        second = choose_side(theirs, other_system, "other_system=", like=first.system)
        found = compare_sides(first, second, _names(split), 0, _names(metric))
        doubts = filter(None, (row.doubt for row in found.differences))
        said = [f"left out: {reason}" for reason in found.left_out]
        said += [f"win rates: {doubt}" for doubt in dict.fromkeys((*found.vetoes, *doubts))]
        for line in said:
            warnings.warn(line, stacklevel=2)
        columns = [field.name for field in fields(MetricDifference)]
        return pd.DataFrame([asdict(row) for row in found.differences], columns=columns)

    def sample(self, n: int = 5, split: str | Sequence[str] | None = None, seed: int = 0) -> pd.DataFrame:
        """Some examples with the outputs of all systems side by side.

        Args:
            n: How many examples, of all the splits together; all of them if there are fewer.
            split: The splits. Default: all.
            seed: Another seed takes other examples; the same one takes the same in every run of the task.

        Returns:
            A row for each example, in the task's order, under its id: split, instruction, input, reference,
            and a column for each system. An output is None where the system has none.

        Raises:
            GistevalError: n is below 1, or the run has no such split.
        """
        import pandas as pd

        if n < 1:
            raise GistevalError(f"n must be at least 1, not {n}")
        run = RunFolder.open(self.folder)
        wanted = _names(split) or run.splits
        for name in wanted:
            if name not in run.splits:
                raise GistevalError(
                    f"{self.folder} has no split {name!r}{did_you_mean(name, run.splits)}: "
                    f"choose from {', '.join(run.splits)}"
                )
        examples = [example for name in dict.fromkeys(wanted) for example in run.examples(name)]
        # By content, so that neither the run nor its other splits change what is drawn.
        order = sorted(range(len(examples)), key=lambda i: digest((str(seed), examples[i].content_id)))
        chosen = [examples[place] for place in sorted(order[:n])]
        names = [system.name for system in run.systems]
        outputs = {
            (name, one): run.read_outputs(name, one)
            for name in names
            for one in {example.split for example in chosen}
        }
        rows = [
            (
                *(example.split, example.instruction, example.input, example.output),
                *(outputs[name, example.split].get(example.content_id) for name in names),
            )
            for example in chosen
        ]
        ids = pd.Index([example.id for example in chosen], name="example")
        return pd.DataFrame(rows, ids, ["split", "instruction", "input", "reference", *names], dtype=object)


def open_run(folder: str | os.PathLike[str]) -> Run:
    """Open a finished run, as it was given by the command or the call that made it.

    Args:
        folder: The run's folder.

    Raises:
        GistevalError: The folder holds no run, or the run has no results yet.
    """
    run = RunFolder.open(Path(folder))
    return Run(run.path, tuple(run.results()), run.notes, tuple(run.judging()))


def _names(given: str | Sequence[str] | None) -> tuple[str, ...]:
    """The names in a list, or in a text with commas."""
    parts = given.split(",") if isinstance(given, str) else given or ()
    return tuple(part.strip() for part in parts if part.strip())
