"""The control: what rounding alone does to the rows, and so what may be held against no path."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from gisteval.generation.selfcheck.distance import worst_row
from gisteval.generation.selfcheck.passes import Reading, masked_readings, perturbed_rounding
from gisteval.generation.selfcheck.rows import Visible
from gisteval.generation.selfcheck.states import LayerStates, least_differences, state_differences
from gisteval.models.running.base import PromptModel

FACTOR = 2.5
"""The tolerance is this many times the control. docs/selfcheck.md has the simulation behind it."""

FLOOR = 1e-4
"""Nats that no figure of a report shows; float32 stays far below."""

CEILING = 1.0
"""Nats that no rounding excuses."""

STATES_FACTOR = 1.75
"""The same between layers, where differences spread less."""

DRAWS = 16
"""Controls before a difference in a few rows counts. Where two experts of a mixture, or two steps of int8,
are nearly tied, rounding may move a row far, and one control may not happen to do it."""


class Control:
    """How far rounding moves readings and states, over all controls so far.

    Attributes:
        rounding: The largest movement of a reading, in nats.
        states: The largest movement of the states behind each layer, (layers,).
    """

    def __init__(self, model: PromptModel, masked: Sequence[Reading]) -> None:
        """Start without any control. `masked` holds the readings of the rows as they are."""
        self._model = model
        self._draws = 0
        self.rounding = 0.0
        self.states = least_differences(model, [row.states for row in masked])

    @property
    def tolerance(self) -> float:
        """Nats that paths may differ by."""
        if not math.isfinite(self.rounding):
            return CEILING
        return min(max(FLOOR, FACTOR * self.rounding), CEILING)

    @property
    def is_complete(self) -> bool:
        """True if more controls would prove nothing."""
        return self._draws >= DRAWS

    def draw(self, *passes: Pass) -> None:
        """Run these passes again with their rounding moved, all of them as one control."""
        with perturbed_rounding(self._model, self._draws):
            for masked_pass in passes:
                moved = masked_pass.run(self._model)
                difference = worst_row(
                    before.distance(after)
                    for before, after in zip(masked_pass.readings, moved, strict=True)
                )
                self.rounding = max(self.rounding, difference) if math.isfinite(difference) else math.inf
                states = state_differences(
                    [row.states for row in masked_pass.readings], [row.states for row in moved]
                )
                self.states = torch.maximum(self.states, states.amax(0))
        self._draws += 1

    def state_ratios(self, cached: Sequence[LayerStates], masked: Sequence[Reading]) -> list[float]:
        """How far each row's cached states are from its masked ones, as a multiple of the control.

        It is the ratio at the layer where the row is furthest.
        """
        if not len(self.states):
            return [0.0] * len(masked)
        ratios = state_differences(cached, [row.states for row in masked]) / self.states
        return [float(ratio) for ratio in ratios.amax(1)]


class Pass:
    """A masked pass over some rows, which can be run again."""

    def __init__(
        self,
        model: PromptModel,
        prompts: Sequence[list[int]],
        inputs: Sequence[list[int]],
        answers: Sequence[list[int]],
        visible: Visible,
    ) -> None:
        """Run the pass once; see `PromptModel.predictions`. `readings` holds what it reads, row by row."""
        self._rows = (prompts, inputs, answers, visible)
        self.readings = self.run(model)

    def run(self, model: PromptModel) -> list[Reading]:
        """Run the pass again."""
        return masked_readings(model, *self._rows)
