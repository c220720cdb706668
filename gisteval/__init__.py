"""Evaluation and benchmarking of prompt compression.

import gisteval
run = gisteval.run(model="checkpoints/wordplay-llama", split="human")
run.results                     # a pandas DataFrame, one number a row
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gisteval.pipeline.run.evaluate import Run

__all__ = ["run"]


def run(
    model: str | Path | Sequence[str | Path] | None = None,
    split: str | Sequence[str] | None = None,
    **options: Any,
) -> Run:
    """Evaluate checkpoints as `gisteval run` does; options are the fields of `RunConfig`.

    Raises GistevalError for any error that the user can correct.
    """
    from gisteval.config import read_config
    from gisteval.pipeline.run.evaluate import run as run_pipeline

    flags = {"model": model, "split": split, **options}
    return run_pipeline(read_config(None, flags), ["gisteval.run"])
