"""The control: more of it never asks for more, and what it excuses has bounds."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from gisteval.generation.selfcheck import passes
from gisteval.generation.selfcheck.control import CEILING, DRAWS, FACTOR, FLOOR, Control, Pass
from gisteval.masks import MaskRule


@pytest.fixture
def whole(tiny_model) -> tuple[object, Pass]:
    """A model and a masked pass over two rows."""
    model = tiny_model("llama", 1)
    return model, Pass(
        model, [[9, 8, 7], [9] * 6], [[3, 4], [6]], [[10, 11], [12]], MaskRule("pos_control")
    )


@pytest.mark.parametrize(
    ("rounding", "tolerance"),
    [(0.0, FLOOR), (0.1, 0.1 * FACTOR), (9.0, CEILING), (math.inf, CEILING), (math.nan, CEILING)],
)
def test_the_tolerance_is_between_floor_and_ceiling(whole, rounding, tolerance) -> None:
    control = Control(whole[0], whole[1].readings)
    control.rounding = rounding
    assert control.tolerance == pytest.approx(tolerance)


def test_each_control_can_only_raise_what_rounding_explains(whole, monkeypatch) -> None:
    model, masked = whole
    monkeypatch.setattr(passes, "rounding_unit", lambda model: 1e-3)
    control, seen = Control(model, masked.readings), []
    least = control.states.clone()
    for _ in range(DRAWS):
        assert not control.is_complete
        control.draw(masked)
        seen.append((control.rounding, *control.states.tolist()))
    assert control.is_complete and all(
        a <= b for one, other in pairwise(seen) for a, b in zip(one, other, strict=True)
    )
    assert seen[0][0] > 0 and bool((control.states > least).all())
    assert len({row[0] for row in seen}) > 1, "each control moves otherwise"


def test_states_are_measured_at_the_layer_where_a_row_is_furthest(whole) -> None:
    model, masked = whole
    control = Control(model, masked.readings)
    shifted = [[state.clone() for state in row.states] for row in masked.readings]
    shifted[1][2] += 3 * control.states[2]
    assert control.state_ratios(shifted, masked.readings) == pytest.approx([0.0, 3.0], rel=0.05)
