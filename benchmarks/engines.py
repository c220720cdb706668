"""Engines side by side: greedy answers behind long shared prompts, each engine in a process of its own.

    make bench-engines                        # installs the engines below build/engines, then measures
    python benchmarks/engines.py --inputs 20,8,4 --rounds 1 --sides ours-float32 openvino-float32
    python benchmarks/engines.py --table      # the Markdown of what was measured

Every side gets the same token ids, `--threads` threads and one prompt of each length with all its inputs.
The sides run in turns, `--rounds` times. An engine that is not there or fails is left out with its reason.
Each finished measurement is kept in `--output`, and the same command goes on where it was interrupted, or
where `--minutes` ended it. Prompts of at least `--once-from` tokens are measured in the first round alone.
Exits with 1 if a side that computes in float32 gives other answers than ours.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine_environments import FOLDER, install, interpreter, model_files, why_missing
from engine_run import SIDES
from engine_table import differing, tables
from engine_workload import make_workload

from gisteval.errors import GistevalError
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.models.checkpoints.loading import load_tokens, resolve
from gisteval.records.store import write_atomic

REASON_LENGTH = 160


def numbers(text: str) -> list[int]:
    """ "500,2000" -> [500, 2000]."""
    return [int(part) for part in text.split(",")]


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Engines side by side on prompts that inputs share.")
    parser.add_argument("--model", default="smollm2", help="smollm2, or a checkpoint's folder or name")
    parser.add_argument("--prompts", type=numbers, default=[500, 2000, 6000], help="tokens of each prompt")
    parser.add_argument("--inputs", type=numbers, default=[40, 12, 4], help="inputs behind each prompt")
    parser.add_argument("--new-tokens", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--once-from", type=int, default=4000, help="tokens of a prompt")
    parser.add_argument("--minutes", type=float, default=15.0, help="after which no further process starts")
    parser.add_argument("--sides", nargs="*", default=list(SIDES), choices=list(SIDES), metavar="SIDE")
    parser.add_argument("--seconds", type=float, default=8.0, help="for inputs that each read the prompt")
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds for a side's whole process")
    parser.add_argument("--output", type=Path, default=FOLDER / "results.json")
    parser.add_argument("--install", action="store_true", help="install the engines, and measure nothing")
    parser.add_argument("--table", action="store_true", help="print the Markdown of the output")
    given = parser.parse_args(arguments)
    if len(given.prompts) != len(given.inputs):
        parser.error("--prompts and --inputs need as many numbers")
    return given


def settings(given: argparse.Namespace) -> dict[str, Any]:
    """What must be the same for measurements to stand in one table."""
    names = ("model", "prompts", "inputs", "new_tokens", "threads", "seconds")
    return {name: getattr(given, name) for name in names}


def machine() -> dict[str, Any]:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    found = dict(line.split(":", 1) for line in lines if ":" in line)
    processor = next((value for key, value in found.items() if key.strip() == "model name"), "")
    flags = next((value.split() for key, value in found.items() if key.strip() == "flags"), [])
    return {
        "processor": processor.strip() or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "bfloat16": "avx512_bf16" in flags,
        "python": platform.python_version(),
    }


def stored(output: Path, wanted: dict[str, Any]) -> dict[str, Any]:
    """What was measured with these settings so far.

    Raises GistevalError if the file holds measurements with others, or can't be read.
    """
    if not output.exists():
        return {"settings": wanted, "machine": machine(), "measured": []}
    try:
        found: dict[str, Any] = json.loads(output.read_text(encoding="utf-8"))
        other = {name for name, value in wanted.items() if found["settings"][name] != value}
    except (ValueError, KeyError, TypeError) as error:
        raise GistevalError(f"{output} holds no measurements of engines ({error!r}): remove it") from error
    if other:
        raise GistevalError(
            f"{output} was measured with another {', '.join(sorted(other))}: remove it, or give another "
            "--output"
        )
    return found


def run_side(name: str, workload: Path, given: argparse.Namespace, prompts: int) -> dict[str, Any]:
    """What a side's process measured of so many prompts, or {"skipped": why}."""
    job = json.loads(workload.read_text(encoding="utf-8"))
    if reason := why_missing(name, job):
        return {"skipped": reason}
    threads = str(given.threads)
    environment = os.environ | {
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_VERBOSITY": "error",
        "TOKENIZERS_PARALLELISM": "false",
    }
    program = Path(__file__).with_name("engine_run.py")
    command = [interpreter(name), str(program), name, str(workload), str(given.seconds), str(prompts)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=given.timeout, env=environment, check=False
        )
        return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]
    except subprocess.TimeoutExpired:
        return {"skipped": f"not done within {given.timeout:.0f} s"}
    except (IndexError, ValueError, OSError) as error:
        lines = [line for line in done.stderr.splitlines() if line.strip()] if "done" in locals() else []
        return {"skipped": (lines[-1].strip() if lines else str(error))[:REASON_LENGTH]}


def prepare(given: argparse.Namespace) -> tuple[Path, Any]:
    """The workload's file, and the tokens that read answers."""
    import torch

    from gisteval.models.checkpoints.loading import load_model

    checkpoint = inspect_checkpoint(Path(resolve(given.model)))
    tokens = load_tokens(checkpoint)
    model = load_model(checkpoint, torch.device("cpu"), torch.float32)
    job = make_workload(model, given.prompts, given.inputs, given.new_tokens)
    job |= {"model": str(resolve(given.model)), "threads": given.threads, **model_files(given.model)}
    workload = given.output.with_suffix(".workload.json")
    workload.parent.mkdir(parents=True, exist_ok=True)
    workload.write_text(json.dumps(job), encoding="utf-8")
    return workload, tokens


def measure_all(given: argparse.Namespace, found: dict[str, Any]) -> None:
    """All sides in turns, as often as asked; what is there already is not measured again."""
    ends = time.monotonic() + 60.0 * given.minutes
    workload, tokens = prepare(given)
    again = sum(tokens < given.once_from for tokens in given.prompts)
    for number in range(given.rounds):
        for name in given.sides:
            place = {"side": name, "round": number}
            before = [one for one in found["measured"] if place.items() <= one.items()]
            if any("skipped" not in one for one in before):
                continue
            if time.monotonic() > ends:
                print(f"{given.minutes:g} minutes are over: the same command goes on", file=sys.stderr)
                return
            outcome = run_side(name, workload, given, again if number else len(given.prompts))
            for prompt in outcome.get("prompts", []):
                prompt["answers"] = [
                    answer if isinstance(answer, str) else tokens.decode(answer)
                    for answer in prompt.get("answers", [])
                ]
            found["measured"] = [one for one in found["measured"] if one not in before]
            found["measured"].append({**place, **outcome})
            write_atomic(given.output, json.dumps(found, indent=1))
            print(f"round {number + 1}, {name}: {told(outcome)}", file=sys.stderr, flush=True)


def told(outcome: dict[str, Any]) -> str:
    """A measurement in a few words."""
    if "skipped" in outcome:
        return str(outcome["skipped"])
    return ", ".join(
        one.get("left_out") or f"{one['inputs']} inputs in {one['seconds']:.1f} s"
        for one in outcome["prompts"]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Install, measure or print. Returns the exit code."""
    given = parse(arguments)
    try:
        if given.install:
            install(given.model)
            return 0
        found = stored(given.output, settings(given))
        if not given.table:
            measure_all(given, found)
    except GistevalError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(tables(found))
    wrong = differing(found)
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
