"""One engine on the workload of `engines.py`, in a process of its own: prints one JSON line.

    build/engines/openvino/bin/python benchmarks/engine_run.py SIDE WORKLOAD SECONDS PROMPTS

Imports nothing but the engine's own packages, so that it runs in every environment.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine_servers import Llama, OpenVino, Vllm
from engine_sides import (
    SLOTS,
    Answers,
    ContinuousBatching,
    CopiedCache,
    HarnessModel,
    Ours,
    Prompt,
    Side,
    Transformers,
)

SIDES: dict[str, Callable[[dict[str, Any]], Side]] = {
    "ours-float32": lambda job: Ours(job, "full", None, "float32"),
    "ours-bfloat16": lambda job: Ours(job, "full", None, "bfloat16"),
    "ours-keydiff-25%": lambda job: Ours(job, "keydiff", "25%", "float32"),
    "ours-keydiff-4": lambda job: Ours(job, "keydiff", "4", "float32"),
    "generate": Transformers,
    "generate-copied": CopiedCache,
    "continuous": ContinuousBatching,
    "hflm": HarnessModel,
    "openvino-float32": lambda job: OpenVino(job, "f32"),
    "openvino-bfloat16": lambda job: OpenVino(job, "bf16"),
    "llama-float32": lambda job: Llama(job, "gguf_float32", 1),
    "llama-q4": lambda job: Llama(job, "gguf", 1),
    "llama-q4-slots": lambda job: Llama(job, "gguf", SLOTS),
    "vllm-bfloat16": Vllm,
}


def timed(work: Callable[[], Answers]) -> tuple[Answers, float, float]:
    """Its result, wall time and processor time, in seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    found = work()
    return found, time.perf_counter() - wall, time.process_time() - processor


def peak_kilobytes() -> int:
    """Largest resident memory of this program; `getrusage` counts what its parent had when it forked."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def measure(side: Side, prompt: Prompt, new_tokens: int, seconds: float) -> dict[str, Any]:
    """One prompt and its inputs; where each reads the prompt, as many of them as fit into the seconds."""
    inputs = prompt["inputs"]
    _, read, read_cpu = timed(lambda: side.answer(prompt, inputs[:1], 1))
    if side.readings > 1 and read * side.readings > seconds:
        return {"left_out": f"{side.readings} slots read the prompt for {read:.0f} s each"}
    further = read
    if side.keeps:
        _, further, _ = timed(lambda: side.answer(prompt, inputs[1:2], 1))
    else:
        inputs = inputs[: max(1, int(seconds / read))]
    answers, taken, cpu = timed(lambda: side.answer(prompt, inputs, new_tokens))
    if side.keeps:  # that call found the prompt read
        taken, cpu = taken + read, cpu + read_cpu
    return {
        "inputs": len(inputs),
        "seconds": taken,
        "cpu_seconds": cpu,
        "read_seconds": read,
        "further_seconds": further,
        "peak_mb": peak_kilobytes() >> 10,
        "answers": answers,
    }


def main(name: str, workload: str, seconds: str, prompts: str) -> None:
    """Load, warm up on a few tokens, then so many prompts from the shortest on: memory only grows."""
    job = json.loads(Path(workload).read_text(encoding="utf-8"))
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # engines print what they like
    began = time.perf_counter()
    side = SIDES[name](job)
    loaded = time.perf_counter() - began
    side.answer(job["warm_up"], job["warm_up"]["inputs"], 2)
    asked = job["prompts"][: int(prompts)]
    found = [measure(side, prompt, job["new_tokens"], float(seconds)) for prompt in asked]
    versions = {package: importlib.metadata.version(package) for package in side.packages}
    line = {"load_seconds": loaded, "versions": versions, "prompts": found}
    print(json.dumps(line), file=output, flush=True)
    os._exit(0)  # servers and schedulers run in threads that would keep the process


if __name__ == "__main__":
    main(*sys.argv[1:])
