"""What compressing spends its time on: named parts of it, apart from the passes over the prompts."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

import torch

PARTS = ("scoring", "selection", "learning", "other model")
"""Parts that are timed where they happen; the pass over the prompts is what remains."""

PASS = "pass"
"""The observed pass over the prompts, with tokenising."""

_watched: ContextVar[dict[str, float] | None] = ContextVar("gisteval_phases", default=None)


@contextmanager
def phase(part: str, device: torch.device) -> Iterator[None]:
    """Time a part, one of PARTS, if somebody watches; a part within another counts with the outer one."""
    seconds = _watched.get()
    if seconds is None:
        yield
        return
    token = _watched.set(None)
    start = _now(device)
    try:
        yield
    finally:
        seconds[part] = seconds.get(part, 0.0) + _now(device) - start
        _watched.reset(token)


@contextmanager
def watched() -> Iterator[dict[str, float]]:
    """Inside, the seconds of each part add up in the dictionary."""
    seconds: dict[str, float] = {}
    token = _watched.set(seconds)
    try:
        yield seconds
    finally:
        _watched.reset(token)


def with_pass(parts: Mapping[str, float], total: float) -> dict[str, float]:
    """All parts of so many seconds, of which those that were not timed are the pass itself."""
    found = {part: parts[part] for part in PARTS if part in parts}
    return {PASS: max(0.0, total - sum(found.values())), **found}


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
