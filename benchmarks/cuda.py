"""What a GPU computes, how fast, and in how much memory: one script for one card, offline.

    python benchmarks/cuda.py                                   # all parts, at most 8 minutes
    python benchmarks/cuda.py --parts training --smollm2 FOLDER --p3 FOLDER
    python benchmarks/cuda.py --device cpu --tiny               # the same code on a CPU, as a test runs it
    python benchmarks/cuda.py --docs build/cuda.jsonl           # the tables of docs/cuda.md

equality    cached equals masked, evicted equals masked, records equal a CPU's, quantised weights, device
            maps, memory that runs out
table3      the paper's table 3: LLaMA-7B and FLAN-T5-XXL by shape, random weights, one pass at batch 1
batches     what it did not show: batches, long prompts and decoding, against the roofline of this card
throughput  generation against stock `generate`, lm-eval's HFLM and transformers' continuous batching
memory      peak memory against what `gisteval run --dry-run` says
training    SmolLM2 with all weights on P3, two minutes a condition (needs --smollm2 and --p3)

Each part is a process with a time limit of its own. One that overruns is stopped; the lines that it has
written stay, and the next part goes on. Every JSON line names its device. Figures of a CPU, and tiny ones,
are never written into docs/cuda.md. Exit code 1 if a check failed or a part broke.
"""

from __future__ import annotations

import argparse
import importlib
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
ROOT = Path(__file__).resolve().parent.parent
HERE = str(ROOT / "benchmarks")
# This folder comes last: this file bears the name of NVIDIA's package.
sys.path[:] = [
    str(ROOT),
    *(path for path in sys.path if path != HERE),
    str(ROOT / "tests" / "fixtures"),
    HERE,
]

from cuda_lines import Line, Setting, append, machine, read  # noqa: E402

SECONDS = 480
LIMITS = {
    "equality": 130,
    "table3": 70,
    "batches": 80,
    "throughput": 110,
    "memory": 60,
    "training": 450,
}
"""Seconds of each part, start of its process included, and never more than what is left of all."""

LEAST = 5
"""Seconds below which a part is not begun."""


def work(part: str, setting: Setting) -> None:
    """Run one part in this process, a line after the other. An error is a line as well."""
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        for line in importlib.import_module(f"cuda_{part}").lines(setting):
            append(setting, part, line)
    except Exception as error:  # the other parts go on, whatever it is
        append(setting, part, {"error": f"{type(error).__name__}: {error}"[:500]})
        raise


def run_part(part: str, setting: Setting) -> None:
    """Run one part in a process that is stopped at its limit.

    On a GPU a new interpreter, because CUDA does not survive a fork. On a CPU a fork: it has all imports.
    """
    start = time.monotonic()
    context: Any = multiprocessing.get_context("spawn" if setting.on_gpu else "fork")
    process = context.Process(target=work, args=(part, setting))
    process.start()
    process.join(setting.seconds)
    event = "ended" if process.exitcode == 0 else "failed"
    if process.is_alive():
        process.kill()
        process.join()
        event = "stopped"
    end = {"event": event, "seconds": round(time.monotonic() - start, 1), "limit": round(setting.seconds)}
    append(setting, part, end)


def run_parts(parts: Sequence[str], setting: Setting) -> list[Line]:
    """Run some parts one after the other and return all lines."""
    began = time.monotonic()
    append(setting, "machine", machine(setting))
    for part in () if setting.on_gpu else parts:
        importlib.import_module(f"cuda_{part}")  # once, for all forks
    for part in parts:
        left = SECONDS - (time.monotonic() - began)
        if part == "training" and not setting.tiny and None in (setting.smollm2, setting.p3):
            append(setting, part, {"event": "left out", "reason": "needs --smollm2 and --p3"})
        elif left < LEAST:
            append(setting, part, {"event": "left out", "reason": f"the {SECONDS} s were used up"})
        else:
            limit = SECONDS if setting.tiny else LIMITS[part]  # a test may run on a busy machine
            run_part(part, replace(setting, seconds=min(limit, left)))
    return read(setting.output)


def problems(lines: Sequence[Line]) -> list[str]:
    """Checks that failed and parts that broke."""
    found = [f"{line['part']}: {line['check']}" for line in lines if line.get("ok") is False]
    return found + [f"{line['part']}: failed" for line in lines if line.get("event") == "failed"]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda", help="cuda or cpu")
    parser.add_argument("--tiny", action="store_true", help="sizes of a test: the figures mean nothing")
    parser.add_argument("--parts", default=",".join(LIMITS), help="comma-separated; all unless told")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "cuda.jsonl")
    parser.add_argument("--smollm2", type=Path, help="folder of SmolLM2's weights")
    parser.add_argument("--p3", type=Path, help="folder of P3's files")
    parser.add_argument("--docs", type=Path, metavar="FILE", help="write docs/cuda.md's tables from FILE")
    options = parser.parse_args(arguments)
    if options.docs is not None:
        return int(importlib.import_module("cuda_tables").write_page(options.docs))
    parts = options.parts.split(",")
    if unknown := [part for part in parts if part not in LIMITS]:
        parser.error(f"unknown part {unknown[0]!r}: choose from {', '.join(LIMITS)}")
    if options.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # a training takes a GPU wherever it sees one
    setting = Setting(options.device, options.tiny, options.output, SECONDS, options.smollm2, options.p3)
    if setting.on_gpu and not _has_gpu():
        parser.error("there is no GPU here: --device cpu --tiny runs the same code, tiny")
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.unlink(missing_ok=True)
    lines = run_parts(parts, setting)
    for line in lines:
        if "event" in line or "error" in line:
            print(
                f"{line['part']}: {line.get('event', '')} {line.get('reason') or line.get('error') or ''}"
            )
    bad = problems(lines)
    print(f"{sum('ok' in line for line in lines)} checks, {len(bad)} problems; {options.output}")
    for problem in bad:
        print(f"- {problem}")
    return int(bool(bad))


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


if __name__ == "__main__":
    sys.exit(main())
