"""Part `training` of cuda.py: SmolLM2 with all weights on P3, two minutes a condition, then evaluated.

The steps are as many as fit into the time by a short training first, and the same for all conditions.
Figures only: one seed, and a short training, show what the code does on a card and not what gists can do.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cuda_lines import ROOT, Line, Setting, release

from gisteval.config import RunConfig
from gisteval.pipeline.run.evaluate import run
from gisteval.tasks import load_task
from gisteval.training.recipe import Recipe, build_recipe
from gisteval.training.train import train

CONDITIONS = {"gist-4": ("gist", 4), "pos_control": ("pos_control", 1), "neg_control": ("neg_control", 1)}
SECONDS = 120
"""Of each condition, if the part's time allows it."""

FOR_THE_REST = 75
"""Seconds of the part that are kept for the first steps, loading and evaluation."""

FIRST_STEPS = 20
EVALUATED = 200
"""Examples of each split."""

METRICS = ("nll", "rougeL", "exact_match")


def lines(setting: Setting) -> Iterator[Line]:
    with tempfile.TemporaryDirectory() as folder:
        suite = Path(folder, "suite")
        budget = min(SECONDS, (setting.seconds - FOR_THE_REST) / len(CONDITIONS))
        steps = 1
        if not setting.tiny:
            first = trained(setting, "gist-4", FIRST_STEPS, Path(folder, "first"))
            steps = max(1, int(budget / first["seconds_a_step"]))
            release(setting)
        for name in CONDITIONS:
            yield trained(setting, name, steps, suite / name)
            release(setting)
        yield from evaluated(setting, suite, Path(folder, "run"))


def recipe(setting: Setting, name: str, steps: int) -> Recipe:
    """In a test the demo's checkpoint takes SmolLM2's place, and its task P3's."""
    condition, k = CONDITIONS[name]
    base = ROOT / "checkpoints" / "wordplay-llama" / "pos_control" if setting.tiny else setting.smollm2
    values: dict[str, Any] = {
        "task": "wordplay" if setting.tiny else "p3",
        "family": "smollm2-p3-all-weights",
        "base": str(base),
        "condition": condition,
        "k": k,
        "steps": steps,
        "rows_per_step": 4 if setting.tiny else 32,
        "pack": 1,
        "max_length": 256,
        "learning_rate": 1e-4,
        "warmup": 0.05,
        "precision": "float32" if setting.tiny else "bfloat16",
        "log_every": 10,
        "save_every": 1_000_000,
        "limit": 64 if setting.tiny else None,
    }
    return build_recipe(values, "cuda.py")


def trained(setting: Setting, name: str, steps: int, output: Path) -> Line:
    settings = recipe(setting, name, steps)
    examples = list(load_task(settings.task, data_dir=setting.p3).examples("train", settings.limit))
    record = train(settings, examples, output)
    seconds, losses = record.training["seconds"], record.training["loss"]
    return {
        "condition": name,
        "steps": steps,
        "rows_a_step": settings.rows_per_step,
        "seconds": seconds,
        "seconds_a_step": seconds / steps,
        "precision": record.training["precision"],
        "last_loss": losses[-1][1] if losses else None,
    }


def evaluated(setting: Setting, suite: Path, output: Path) -> Iterator[Line]:
    config = RunConfig(
        models=(str(suite),),
        task="wordplay" if setting.tiny else "p3",
        data_dir=None if setting.p3 is None else str(setting.p3),
        splits=("unseen",) if setting.tiny else ("seen", "unseen"),
        limit=2 if setting.tiny else EVALUATED,
        judge="none",
        device=setting.device,
        output=str(output),
    )
    for row in run(config, with_report=False).rows:
        if row.metric in METRICS:
            yield {
                "system": row.system,
                "split": row.split,
                "metric": row.metric,
                "value": row.value,
                "ci": [row.ci_low, row.ci_high],
                "n": row.n,
                "retention": row.retention,
            }
