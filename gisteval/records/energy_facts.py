"""What serving a prompt takes of electric energy: typed values of profile.json."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gisteval.records.json_object import Count, JsonObject, Name, Positive


@dataclass(frozen=True, kw_only=True)
class WayEnergy(JsonObject):
    """Joules of one way to serve a prompt, a prompt. compress: None if it stores nothing."""

    name: Name
    compress: float | None
    each: float


@dataclass(frozen=True, kw_only=True)
class EnergyBreakEven(JsonObject):
    """Uses of a prompt until its compression has saved its own joules; None if it never does.

    net: the same with what the baseline's own cache takes.
    """

    system: Name
    baseline: Name
    saved_each: float
    reuses: Count | None
    net: Count | None


@dataclass(frozen=True, kw_only=True)
class EnergyFacts(JsonObject):
    """Energy at one batch size. All of it is measured, or all of it is modelled.

    Attributes:
        kind: Whether a counter of the machine was read, or watts that the user gave multiplied by time.
        source: The counter with what it covers, or the watts.
    """

    kind: Literal["measured", "modelled"]
    source: str
    batch_size: Positive
    ways: tuple[WayEnergy, ...]
    break_even: tuple[EnergyBreakEven, ...]
