"""`gisteval coverage`: simulates the coverage of a run's intervals and keeps it with the run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gisteval.errors import GistevalError
from gisteval.logs import progress, run_log
from gisteval.records.json_object import plain
from gisteval.records.run_folder import RunFolder
from gisteval.records.store import write_json
from gisteval.report.build import build_report
from gisteval.report.coverage import FILE, Covered, run_coverage


def simulate_run(path: Path, metrics: Sequence[str], samples: int, seed: int) -> list[Covered]:
    """Simulate the coverage of a finished run's intervals, and write it into the run and its report.

    Args:
        path: The run's folder.
        metrics: Names of metrics. Empty: the scores in percent, the losses and the win rates.
        samples: How many samples are drawn for each number.
        seed: The seed of the draws.

    Raises:
        GistevalError: The run is not finished, or has no values of one of these metrics.
    """
    with RunFolder.editing(path) as folder, run_log(path):
        folder.results()
        progress.info("simulating")
        found = list(run_coverage(folder, metrics, samples, seed))
        missing = [name for name in metrics if name not in {row.metric for row in found}]
        if missing or not found:
            named = f" of {', '.join(missing)}" if missing else ""
            raise GistevalError(f"{path} has no values{named} that differ: choose another --metric")
        write_json(path / FILE, plain(found))
        progress.info("writing the report")
        build_report([folder], path / "report")
    return found
