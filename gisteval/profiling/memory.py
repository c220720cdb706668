"""Peak memory of a function call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True, slots=True)
class Peak:
    """The most bytes in use at one time, weights included.

    Attributes:
        bytes: The peak.
        method: How it was measured.
    """

    bytes: int
    method: str


def peak_memory(work: Callable[[], object], device: torch.device) -> Peak | None:
    """Run `work` and return its peak memory, or None if the system can't measure it.

    On a CUDA device this is the allocator's peak. On Linux it is the largest resident set of the process
    (VmHWM), which includes Python, libraries and weights. Both are reset first.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        work()
        torch.cuda.synchronize(device)
        return Peak(torch.cuda.max_memory_allocated(device), "torch.cuda.max_memory_allocated")
    try:
        _CLEAR.write_text("5")
    except OSError:
        return None
    work()
    high_water = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    return Peak(int(high_water.split()[1]) * 1024, "resident set (VmHWM)")
