"""Evaluation and benchmarking of prompt compression.

import gisteval
run = gisteval.run(model="checkpoints/wordplay-llama", split="human")
run.results                     # a pandas DataFrame, one number a row
run.frontier()                  # score against stored bytes, with a figure
run.sample(n=5)                 # instructions, inputs and outputs side by side
earlier = gisteval.open("runs/earlier")
run.compare(earlier)            # paired differences with intervals
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path

    from gisteval.pipeline.finished import Run

__all__ = ["open", "run"]


def run(
    model: str | Path | Sequence[str | Path] | None = None,
    split: str | Sequence[str] | None = None,
    **options: Any,
) -> Run:
    """Evaluate checkpoints as `gisteval run` does; options are the fields of `RunConfig`.

    Raises GistevalError for any error that the user can correct.
    """
    from gisteval.config_file import read_config
    from gisteval.integrations.trackers import run_and_log

    config = read_config(None, {"model": model, "split": split, **options})
    finished, _ = run_and_log(config, ["gisteval.run"])
    return finished


def open(folder: str | os.PathLike[str]) -> Run:
    """Open a finished run: the same object as `gisteval.run` gave when it made the folder.

    Raises GistevalError if the folder holds no run, or one without results.
    """
    from gisteval.pipeline.finished import open_run

    return open_run(folder)
