"""Wall times of programs that are compared, taken in turns in one process."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable
from typing import Any

REPETITIONS = 3


def best_times(
    runs: dict[str, Callable[[], Any]], repetitions: int = REPETITIONS
) -> tuple[dict[str, float], dict[str, Any]]:
    """Best wall time of each, in seconds, and its last result; what they print is dropped."""
    times = dict.fromkeys(runs, float("inf"))
    results: dict[str, Any] = {}
    for _ in range(repetitions):
        for name, run in runs.items():
            start = time.perf_counter()
            with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
                results[name] = run()
            times[name] = min(times[name], time.perf_counter() - start)
    return times, results
