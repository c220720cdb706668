"""Simulates every method of docs/statistics.md and prints its tables; seeds are fixed.

    python benchmarks/statistical_errors.py [--quick] [--paper RUN]

All tables take minutes on two cores. --quick draws a tenth of the samples. --paper adds the paper's
verdicts: RUN is an imported run that `gisteval judge RUN` has judged by reference.

Coverage of the intervals themselves, and of the claims, is `benchmarks/coverage.py`. Exits with 1 if an
error is above what is promised, beyond three standard errors of the simulation.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import sysconfig
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulated_table import Result


def results(scale: float, run: Path | None) -> Iterator[Result]:
    """Make the tables, two at a time."""
    from simulated_estimates import corrected, few_items, length_control, own_data, paper, retentions
    from simulated_gates import equivalence, many, sequential
    from simulated_samples import several_answers

    gates, intervals = (sequential, equivalence), (retentions, few_items, own_data, several_answers)
    tables = (*gates, corrected, *intervals, length_control, many)
    with ProcessPoolExecutor(max_workers=2) as pool:
        waiting = [pool.submit(table, scale) for table in tables]
        if run is not None:
            waiting.append(pool.submit(paper, run, scale))
        for done in waiting:
            yield done.result()


def main() -> int:
    """Print all tables; 1 if a promise is broken."""
    parser = argparse.ArgumentParser(description="Errors of gisteval's statistical methods, simulated.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the samples")
    parser.add_argument("--paper", type=Path, help="an imported and judged run of the paper's outputs")
    options = parser.parse_args()
    sound = True
    for result in results(0.1 if options.quick else 1.0, options.paper):
        print(result.text(), flush=True)
        if not result.sound:
            print("A promise is broken here.\n")
        sound &= result.sound
    return 0 if sound else 1


def python_own() -> ModuleType:
    """Load Python's own module of this file's name, for whatever imports it from this folder."""
    file = Path(sysconfig.get_path("stdlib")) / "statistics.py"
    spec = importlib.util.spec_from_file_location("statistics", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    sys.exit(main())
else:
    sys.modules[__name__] = python_own()
