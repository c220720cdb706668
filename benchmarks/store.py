"""Speed and memory of the record store: records appended, read back, and scanned for a resume.

    python benchmarks/store.py [--records 1000000] [--folder DIR]

Prints one JSON object: seconds of each part, and by how many MB the process's peak memory grew in it.
Append and read work on a batch and a record at a time, so theirs stays flat; a resume holds every key.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from gisteval.records.lines import to_json
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Generation, digest
from gisteval.records.store import RecordWriter

BATCH = 256
SYSTEM, SPLIT = "LLaMA-gist-1", "seen"


def made(count: int) -> Iterator[dict[str, Any]]:
    """Records of the size that a run on Alpaca+ has, about 600 bytes."""
    for number in range(count):
        identity = digest([str(number)])
        yield to_json(
            Generation(
                key=identity,
                example=f"alpaca_plus-seen-{number:07}",
                content=identity[::-1],
                task="alpaca_plus",
                split=SPLIT,
                system=SYSTEM,
                condition="gist",
                control=None,
                compressor="gist",
                k=1,
                output="The quick brown fox jumps over the lazy dog, and then it does so again. " * 2,
                output_tokens=34,
                finished=True,
                source_tokens=26,
                template_tokens=6,
                kept=1,
                bytes=524_288,
                nll=1.23456,
                target_tokens=40,
            )
        )


def measured(work: Callable[[], int], expected: int) -> dict[str, float]:
    """Seconds, and growth of peak memory in MB, of work that counts its records."""
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    assert work() == expected
    seconds = time.perf_counter() - start
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {"seconds": round(seconds, 2), "memory_growth_mb": round(grown / 1024, 1)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    count = options.records

    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        run = RunFolder(Path(name))
        file = run.generations(SYSTEM)

        def append() -> int:
            written = 0
            with RecordWriter(file) as writer:
                for batch in batches(made(count)):
                    writer.write(batch)
                    written += len(batch)
            return written

        found = {
            "append": measured(append, count),
            "read": measured(lambda: sum(1 for _ in run.read_generations(SYSTEM, SPLIT)), count),
            "resume_scan": measured(lambda: len(run.known_keys(SYSTEM, SPLIT)), count),
        }
        size = file.stat().st_size
    print(json.dumps({"records": count, "megabytes": round(size / 1e6, 1), **found}, indent=1))


def batches(records: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """As many at a time as a large batch of answers has."""
    while batch := list(islice(records, BATCH)):
        yield batch


if __name__ == "__main__":
    main()
