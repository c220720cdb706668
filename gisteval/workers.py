"""Who does the work of a run, how many rows at a time, and which options that has."""

from __future__ import annotations

import math

from gisteval.errors import GistevalError, did_you_mean

EXECUTORS = ("local", "ray")
"""In this process, or by the workers of a Ray cluster."""


def check_executor(name: str, address: str | None, workers: int | None, gpus: float | None) -> None:
    """Check who does the work.

    Raises:
        GistevalError: For an unknown executor, options that it does not have, or an impossible share of a
            GPU.
    """
    if name not in EXECUTORS:
        raise GistevalError(
            f"executor {name!r} is unknown{did_you_mean(name, EXECUTORS)}: choose {' or '.join(EXECUTORS)}"
        )
    options = {"ray-address": address, "num-workers": workers, "gpus-per-worker": gpus}
    for flag, value in options.items():
        if name != "ray" and value is not None:
            raise GistevalError(f"--{flag} is an option of --executor ray")
    if workers is not None and workers < 1:
        raise GistevalError(f"num-workers must be at least 1, not {workers}")
    if gpus is not None and not (math.isfinite(gpus) and gpus >= 0 and (gpus <= 1 or gpus % 1 == 0)):
        raise GistevalError(f"gpus-per-worker must be a part of one GPU or a whole number, not {gpus:g}")


def rows_of(batch_size: str) -> int | None:
    """A batch size as a number, None for "auto". Raises GistevalError for anything else."""
    if batch_size == "auto":
        return None
    if not batch_size.isdigit() or int(batch_size) < 1:
        raise GistevalError(f"batch-size must be auto or a positive number, not {batch_size!r}")
    return int(batch_size)
