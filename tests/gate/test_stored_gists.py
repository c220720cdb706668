"""Whether stored gists may be kept: the gate's rule on what is found behind them."""

from __future__ import annotations

import pytest

from gisteval.gate.stored_gists import stored_gists_verdicts
from gisteval.records.diagnosis import Observation


@pytest.mark.parametrize(
    ("stored", "state", "begin"),
    [
        ([100.0] * 200, "ok", "PASS"),
        ([0.0] * 60 + [100.0] * 140, "fault", "FAIL"),
        ([100.0] * 9, "open", "INC"),
    ],
)
def test_the_verdict_is_the_gates(stored: list[float], state: str, begin: str) -> None:
    group = [
        Observation(
            key=str(n), measure="drift", system="old", reference="new", split="s", setting="reference",
            example=str(n), content=str(n), cluster=str(n),
            values={"greedy_exact": value, "full_greedy_exact": 100.0},
        )
        for n, value in enumerate(stored)
    ]  # fmt: skip
    (verdict,) = stored_gists_verdicts([group])
    assert (verdict.state, verdict.text[: len(begin)]) == (state, begin)
