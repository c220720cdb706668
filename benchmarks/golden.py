"""Make the golden runs by the command line and freeze them under tests/golden/.

    python benchmarks/golden.py [--write]

Without --write the frozen files stay as they are: what differs from them is printed, and the exit code is 1
if anything does. Each command is a process of its own. Needs a checkout and no network.

The folders old_run and old_import are made only where they are absent. Else they stay as the version left
them that made them.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "fixtures")]

from golden_runs import (  # noqa: E402
    GOLDEN,
    OLD,
    RUNS,
    Ended,
    make_runs,
    resume_old,
)
from golden_tables import (  # noqa: E402
    Tables,
    differences,
    freeze_folder,
    read_tables,
    tables_of,
    thaw_folder,
    write_tables,
)


def call(arguments: Sequence[str]) -> Ended:
    """Run one command in a process of its own."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "gisteval", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    print(done.returncode, " ".join(arguments), file=sys.stderr)
    return Ended(done.returncode, done.stdout, done.stderr)


def main() -> int:
    """Make the runs, then write or compare them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--write", action="store_true", help="freeze what the commands make now")
    write = parser.parse_args().write
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        tables: dict[str, Tables] = {"commands": {"commands": make_runs(folder, call)}}
        tables |= {run: tables_of(folder / run) for run in RUNS}
        folders = {str(folder): "{RUNS}", str(ROOT): "{ROOT}"}
        absent = [run for run in OLD if not (GOLDEN / run).is_dir()]
        for run in OLD:
            if run not in absent:
                thaw_folder(GOLDEN / run, folder / run, folders)
        tables["old"] = resume_old(folder, call)
        if write:
            GOLDEN.mkdir(exist_ok=True)
            for file, content in tables.items():
                write_tables(GOLDEN / f"{file}.jsonl", content)
            for run in absent:
                freeze_folder(folder / run, GOLDEN / run, folders)
            return 0
    found = [
        f"{file}: {line}"
        for file, content in tables.items()
        for line in differences(read_tables(GOLDEN / f"{file}.jsonl"), content)
    ]
    print("\n".join(found) or "nothing differs")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
