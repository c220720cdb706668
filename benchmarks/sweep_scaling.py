"""What the driver of a large sweep does, with answers that are made up: the figures of docs/scaling.md.

    python benchmarks/sweep_scaling.py [--entries 200] [--generations 1000] [--figures] [--profile FILE]

A sweep of the demo's gist-1 with its two controls under many seeds, on a made-up task. Everything is real
but the executor, which loads no weights and makes up each answer: planning, keys, records, scores,
results and the reports. Then the same sweep again, whose entries are all finished. Prints one JSON object:
processor seconds of each part, files and bytes of an entry, and the largest memory. --figures: draw the
figures of each report too.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import resource
import tempfile
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

from gisteval.config import RunConfig
from gisteval.content import find_content
from gisteval.executors.work import Checked, Event, Settings, SystemWork
from gisteval.generation.outcomes import Answer
from gisteval.generation.selfcheck import SelfCheck
from gisteval.pipeline.sweep.sweep_runs import check_entries, report_sweep, run_sweep
from gisteval.records.schema import Example

SYSTEMS, BATCH = 3, 256
INSTRUCTIONS = 20
"""Examples of one instruction: a cluster of the statistics."""


class MadeUpExecutor:
    """Answers with the first words of the reference, the candidate with fewer than its positive control."""

    def facts(self) -> dict[str, object]:
        """For the manifest."""
        return {"name": "made up", "workers": 1}

    def run(self, works: Sequence[SystemWork], settings: Settings) -> Generator[Event, None, None]:
        """The events of a local run."""
        for work in works:
            yield Checked(work.job.system.name, SelfCheck(10, 100, 0.0, 0))
            words = 2 + len(work.job.system.name) % 3
            for split, examples in work.examples.items():
                for start in range(0, len(examples), BATCH):
                    batch = examples[start : start + BATCH]
                    yield work.job.portion(split, [_answer(example, words) for example in batch])


def _answer(example: Example, words: int) -> Answer:
    output = " ".join(example.output.split()[:words])
    return Answer(example, output, words, True, 27, 6, 1, 4096, 1.234567, 5)


def write_task(folder: Path, examples: int) -> Path:
    """A task of so many examples with references of five words."""
    folder.mkdir()
    lists = max(examples // INSTRUCTIONS, 1)
    lines = (
        json.dumps(
            {
                "instruction": f"Say the words of list {n % lists} in their order, please",
                "input": f"number {n} of them all",
                "output": f"red {n % 7} green {n} blue",
            }
        )
        for n in range(examples)
    )
    (folder / "data.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "task.yaml").write_text(
        "name: bench\nversion: 1\ndescription: made up\nlicense: Apache-2.0\nmax_new_tokens: 8\n"
        "splits: {test: {file: data.jsonl}}\n"
    )
    return folder


def measure(entries: int, generations: int, scratch: Path, figures: bool) -> dict[str, Any]:
    """Processor seconds of the parts of a sweep, and what it leaves."""
    task = write_task(scratch / "task", generations // SYSTEMS)
    model = str(find_content("checkpoints") / "wordplay-llama" / "gist-1")
    configs = [
        RunConfig(models=(model,), task=str(task), device="cpu", judge="none", seed=seed)
        for seed in range(entries)
    ]
    folder, found = scratch / "sweep", {}
    outcomes: list[Any] = []
    draws = patch("gisteval.report.build.can_draw", lambda: figures)
    with patch("gisteval.pipeline.run.evaluate.LocalExecutor", MadeUpExecutor), draws:
        for part in ("check", "run", "report", "run_again"):
            start = time.process_time()
            if part == "check":
                assert sum(1 for _ in check_entries(configs, folder)) == entries
            elif part == "report":
                report_sweep(outcomes, folder)
            else:
                outcomes = list(run_sweep(configs, folder))
                assert all(outcome.error is None for outcome in outcomes), outcomes
            found[f"{part}_seconds"] = round(time.process_time() - start, 2)
    files = [file for file in folder.rglob("*") if file.is_file()]
    runs = [file for file in files if "report" not in file.relative_to(folder).parts]
    return {
        **found,
        "files": len(files),
        "files_without_reports": len(runs),
        "megabytes": round(sum(file.stat().st_size for file in files) / 1e6, 1),
        "megabytes_without_reports": round(sum(file.stat().st_size for file in runs) / 1e6, 1),
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--entries", type=int, default=200)
    parser.add_argument("--generations", type=int, default=1000)
    parser.add_argument("--figures", action="store_true")
    parser.add_argument("--profile", type=Path, default=None)
    options = parser.parse_args()
    profiler = cProfile.Profile()
    with tempfile.TemporaryDirectory() as name:
        if options.profile:
            profiler.enable()
        found = measure(options.entries, options.generations, Path(name), options.figures)
        if options.profile:
            profiler.disable()
            profiler.dump_stats(options.profile)
    print(json.dumps({"entries": options.entries, "generations": options.generations, **found}, indent=1))


if __name__ == "__main__":
    main()
