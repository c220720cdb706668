"""Peak memory of a piece of work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True, slots=True)
class Peak:
    """Most bytes in use at once, weights included, and how that was found out."""

    bytes: int
    method: str


def peak_memory(work: Callable[[], object], device: torch.device) -> Peak | None:
    """Run `work` and return its peak, or None where the system can't tell.

    cuda: the allocator's peak, reset first. Linux: the process' largest resident set (VmHWM), reset first
    through clear_refs; what the process holds otherwise (Python, libraries, weights) is part of it.
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
