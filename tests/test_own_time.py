"""The benchmark of a run's own time: what is charged to whom, and that it finds what it times."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def own_time() -> ModuleType:
    path = Path(__file__).parents[1] / "benchmarks" / "own_time.py"
    spec = importlib.util.spec_from_file_location("own_time", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_innermost_call_is_charged_and_the_model_keeps_its_own(own_time: ModuleType) -> None:
    now = 0.0

    def takes(seconds: float, then: Callable[[], object] = lambda: None) -> Callable[[], None]:
        def call() -> None:
            nonlocal now
            now += seconds
            then()

        return call

    ledger = own_time.Ledger("rest", lambda: now)
    loading = ledger.timed("loading", takes(3))
    decode = ledger.timed("model", takes(10, loading))
    check = ledger.timed("self-check", takes(2, decode))
    takes(1)()
    check()
    takes(4)()
    with pytest.raises(ZeroDivisionError):
        ledger.timed("report", takes(5, lambda: 1 / 0))()
    assert ledger.shares() == {"rest": 0.2, "self-check": 0.08, "model": 0.52, "report": 0.2}
    assert sum(ledger.seconds.values()) == now == 25


def test_what_is_timed_is_there(own_time: ModuleType) -> None:
    for owner, function, _ in own_time.CALLS:
        assert callable(getattr(own_time.owner_of(owner), function))
