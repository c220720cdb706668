"""Meters on a made-up sysfs and a made-up NVML, and what is told of modes whose joules are known."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from gisteval.profiling import energy
from gisteval.profiling.budget import TimeBudget
from gisteval.profiling.energy import Energy, find_meter, measure_energy
from gisteval.profiling.passes import ServingMode

CPU = torch.device("cpu")


def zone(powercap: Path, name: str, text: str, microjoules: int, most: int = 10**9) -> Path:
    folder = powercap / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "name").write_text(f"{text}\n")
    (folder / "energy_uj").write_text(f"{microjoules}\n")
    (folder / "max_energy_range_uj").write_text(f"{most}\n")
    return folder


def test_packages_are_summed_and_their_parts_are_not(tmp_path) -> None:
    for name, text in (
        ("intel-rapl:0", "package-0"),
        ("intel-rapl:1", "package-1"),
        ("intel-rapl:0:0", "core"),
        ("intel-rapl:2", "psys"),
    ):
        zone(tmp_path, name, text, 1_000_000)
    meter = find_meter(CPU, tmp_path)
    assert meter is not None and meter.source == "RAPL, 2 processor packages"
    assert meter.joules() == 0
    zone(tmp_path, "intel-rapl:0", "package-0", 3_500_000)
    zone(tmp_path, "intel-rapl:1", "package-1", 1_250_000)
    zone(tmp_path, "intel-rapl:0:0", "core", 9_000_000)
    assert meter.joules() == pytest.approx(2.75)


def test_a_counter_that_begins_anew_loses_nothing(tmp_path) -> None:
    zone(tmp_path, "intel-rapl:0", "package-0", 900, most=1000)
    meter = find_meter(CPU, tmp_path)
    assert meter is not None and meter.source == "RAPL, 1 processor package"
    zone(tmp_path, "intel-rapl:0", "package-0", 50, most=1000)
    assert meter.joules() == pytest.approx(150e-6)


def test_without_a_readable_counter_there_is_no_meter(tmp_path, monkeypatch) -> None:
    assert find_meter(CPU, tmp_path / "nothing") is None
    folder = zone(tmp_path, "intel-rapl:0", "package-0", 1)
    (folder / "energy_uj").unlink()
    assert find_meter(CPU, tmp_path) is None
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert find_meter(torch.device("cuda", 0)) is None
    assert find_meter(torch.device("mps")) is None


def test_a_gpu_is_asked_for_its_own_energy(monkeypatch) -> None:
    millijoules = {1: 5000}
    nvml = SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetTotalEnergyConsumption=millijoules.__getitem__,
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    meter = find_meter(torch.device("cuda", 1))
    assert meter is not None and meter.source == "NVML, GPU 1 alone"
    millijoules[1] = 7500
    assert meter.joules() == pytest.approx(2.5)
    assert find_meter(torch.device("cuda", 0)) is None  # it has no counter


class Known:
    """A meter, and modes that add to it: 2 J to prepare a batch, 5 J to use it."""

    source = "known"

    def __init__(self) -> None:
        self.total = 0.0

    def joules(self) -> float:
        return self.total

    def add(self, joules: float) -> None:
        self.total += joules

    def mode(self, kind: str) -> ServingMode:
        running = SimpleNamespace(decode=lambda tokens: self.add(5))
        model = SimpleNamespace(device=CPU, run=lambda prompts, inputs: running)
        return ServingMode(kind, kind, model, None)


@pytest.fixture
def known(monkeypatch) -> Known:
    meter = Known()
    monkeypatch.setattr(energy, "inputs_of", lambda mode, examples: [])
    monkeypatch.setattr(energy, "prepare", lambda mode, examples: meter.add(2))
    monkeypatch.setattr(energy, "LEAST_SECONDS", 0.001)
    return meter


def test_preparing_is_not_part_of_a_use_but_of_an_oracle(known) -> None:
    modes = [known.mode(kind) for kind in ("no_cache", "compressed", "oracle")]
    assert measure_energy(known, modes, [], 2, TimeBudget.of(math.inf)) == [
        Energy("no_cache", 0.0, pytest.approx(5.0)),
        Energy("compressed", pytest.approx(2.0), pytest.approx(5.0)),
        Energy("oracle", 0.0, pytest.approx(7.0)),
    ]


def test_too_little_time_measures_nothing(known) -> None:
    assert measure_energy(known, [known.mode("no_cache")], [], 2, TimeBudget.of(0)) is None
