"""The loss of a record."""

from __future__ import annotations

from dataclasses import replace

import pytest
from metric_records import EXAMPLE, GENERATION

from gisteval.errors import InvalidRun
from gisteval.metrics.loss import Nll


@pytest.mark.parametrize("nll", [0.0, 1.25, None])
def test_the_value_is_the_records(nll: float | None) -> None:
    assert Nll().value(replace(GENERATION, nll=nll), EXAMPLE) == nll


@pytest.mark.parametrize("nll", [float("inf"), float("nan")])
def test_a_loss_that_is_no_number_names_system_and_example(nll: float) -> None:
    with pytest.raises(InvalidRun, match=f"{GENERATION.system} on {GENERATION.example}: the loss is {nll}"):
        Nll().value(replace(GENERATION, nll=nll), EXAMPLE)
