"""Part `memory` of cuda.py: peak memory of a run against what `gisteval run --dry-run` said, within 10%.

On a GPU by the allocator's own peak, for a Llama of a billion random weights. On a CPU tensors are counted
while they live, and the verdict is of no account: the demo's answers are shorter than they may be.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from cuda_lines import Line, Setting, release
from cuda_throughput import SUITE, billion
from generation import load

from gisteval.config import RunConfig
from gisteval.models.checkpoints.checkpoint import GistRecord
from gisteval.models.checkpoints.loading import save_checkpoint
from gisteval.pipeline.estimate.device_memory import device_memory
from gisteval.pipeline.run.evaluate import run
from gisteval.pipeline.run.plan import plan_run
from gisteval.profiling.allocation import Allocation
from gisteval.profiling.memory import peak_memory

WITHIN = 0.1


def lines(setting: Setting) -> Iterator[Line]:
    with tempfile.TemporaryDirectory() as folder:
        for dtype in ("float32",) if setting.tiny else ("bfloat16", "float32"):
            model = SUITE / "pos_control"
            if not setting.tiny:
                model = saved_billion(setting, Path(folder, dtype))
                release(setting)
            yield memory_line(setting, model, dtype, Path(folder, f"run-{dtype}"))


def saved_billion(setting: Setting, folder: Path) -> Path:
    demo = load(SUITE / "pos_control", setting.device)
    model = billion(setting, demo, torch.bfloat16)
    record = GistRecord("1B", "pos_control", 1, demo.tokens.template, training={"recipe": {"steps": 0}})
    save_checkpoint(folder, model.model, demo.tokens.tokenizer, record, torch.bfloat16)
    return folder


def memory_line(setting: Setting, model: Path, dtype: str, output: Path) -> Line:
    config = RunConfig(
        models=(str(model),),
        splits=("human",),
        limit=8 if setting.tiny else None,
        judge="none",
        device=setting.device,
        dtype=dtype,
        output=str(output),
    )
    said = max(found.peak or 0 for found in device_memory(plan_run(config)).values())
    if setting.on_gpu:
        peak = peak_memory(lambda: run(config, with_report=False), setting.place)
        assert peak is not None
        found, method = peak.bytes, peak.method
    else:
        with Allocation() as allocation:
            run(config, with_report=False)
        found, method = allocation.peak, "tensors counted"
    apart = said / found - 1
    return {
        "model": model.name if setting.tiny else "1B",
        "dtype": dtype,
        "said_bytes": said,
        "found_bytes": found,
        "method": method,
        "apart": apart,
        "within_10_percent": abs(apart) <= WITHIN,
        **({"check": f"peak memory, {dtype}", "ok": abs(apart) <= WITHIN} if setting.on_gpu else {}),
    }
