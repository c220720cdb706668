"""Electric energy of serving modes, where the machine counts it.

A counter tells what a whole processor package or a whole GPU has taken since some time before, whatever ran
on it. So a mode runs alone, over and over for `LEAST_SECONDS`, and idle power is part of its joules.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from gisteval.profiling.budget import TimeBudget
from gisteval.profiling.passes import ServingMode, inputs_of, prepare
from gisteval.records.schema import Example

POWERCAP = Path("/sys/class/powercap")

LEAST_SECONDS = 0.5
"""How long a phase is repeated: counters of GPUs move ten times a second, of processors far oftener."""


class Meter(Protocol):
    """A counter of joules. source: its name and what it covers."""

    source: str

    def joules(self) -> float:
        """Return the joules since the meter was made."""


class PowercapMeter:
    """The running average power limit (RAPL) counters of all processor packages, in Linux's sysfs.

    Documentation/power/powercap/powercap.rst of the Linux kernel. Intel and AMD processors share them.
    """

    def __init__(self, packages: Sequence[Path]) -> None:
        """Begin to count. Raises OSError or ValueError if a counter can't be read."""
        self.source = f"RAPL, {len(packages)} processor package{'s' * (len(packages) > 1)}"
        self._packages = {
            package: int((package / "max_energy_range_uj").read_text()) for package in packages
        }
        self._last = {package: _microjoules(package) for package in packages}
        self._total = 0

    def joules(self) -> float:
        """Return the joules since the meter was made. A counter may begin anew once between two calls."""
        for package, wraps_at in self._packages.items():
            now = _microjoules(package)
            self._total += now - self._last[package] + (wraps_at if now < self._last[package] else 0)
            self._last[package] = now
        return self._total / 1e6


class NvmlMeter:
    """The energy counter of one NVIDIA GPU, through the package pynvml."""

    def __init__(self, nvml: Any, index: int) -> None:
        """Begin to count. Raises the library's errors if the GPU has no counter."""
        nvml.nvmlInit()
        self._nvml, self._handle = nvml, nvml.nvmlDeviceGetHandleByIndex(index)
        self.source = f"NVML, GPU {index} alone"
        self._start = self._millijoules()

    def joules(self) -> float:
        """Return the joules since the meter was made."""
        return (self._millijoules() - self._start) / 1e3

    def _millijoules(self) -> int:
        return int(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle))


def find_meter(device: torch.device, powercap: Path = POWERCAP) -> Meter | None:
    """Return the meter of what does the work on a device. None if it has none that may be read."""
    if device.type == "cuda":
        return _gpu_meter(device.index or 0)
    if device.type != "cpu":
        return None
    packages = [
        path.parent
        for path in sorted(powercap.glob("intel-rapl:*/name"))
        if path.parent.name.count(":") == 1 and _text(path).startswith("package")
    ]
    try:
        return PowercapMeter(packages) if packages else None
    except (OSError, ValueError):  # counters are for root alone on most systems
        return None


def _gpu_meter(index: int) -> Meter | None:
    try:
        import pynvml

        return NvmlMeter(pynvml, index)
    except Exception:  # not installed, no driver, or a GPU that does not count: each its own error
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _microjoules(package: Path) -> int:
    return int((package / "energy_uj").read_text())


@dataclass(frozen=True, slots=True)
class Energy:
    """Joules of one serving mode for a batch. compress: 0 if it stores nothing."""

    mode: str
    compress: float
    each: float


def measure_energy(
    meter: Meter,
    modes: Sequence[ServingMode],
    examples: Sequence[Example],
    output_tokens: int,
    budget: TimeBudget,
) -> list[Energy] | None:
    """Measure all modes on one batch, in passes of their own.

    Args:
        meter: The counter.
        modes: The serving modes.
        examples: The batch.
        output_tokens: Tokens that every row produces.
        budget: The time that is left.

    Returns:
        The energy of each mode. None if the time is too short for all of them.
    """
    found = []
    for mode in modes:
        if budget.left < 2 * LEAST_SECONDS:
            return None
        inputs = inputs_of(mode, examples)

        def use(mode: ServingMode = mode, inputs: list[list[int]] = inputs) -> None:
            # A cache grows while it is used, so each use needs a fresh one; making it is subtracted.
            mode.model.run(prepare(mode, examples), inputs).decode(output_tokens)

        made = _joules(meter, lambda mode=mode: prepare(mode, examples), mode.model.device)  # type: ignore[misc]
        whole = _joules(meter, use, mode.model.device)
        each = whole if mode.kind == "oracle" else max(0.0, whole - made)
        found.append(Energy(mode.name, made if mode.stores else 0.0, each))
    return found


def _joules(meter: Meter, work: Callable[[], object], device: torch.device) -> float:
    """Return the joules of one repetition."""
    start, before, count = time.monotonic(), meter.joules(), 0
    while not count or time.monotonic() - start < LEAST_SECONDS:
        work()
        count += 1
        if device.type == "cuda":
            torch.cuda.synchronize(device)
    return (meter.joules() - before) / count
