"""Whole prompts, as our passes and as the stock model read them."""

from __future__ import annotations

from torch import Tensor

from gisteval.generation.selfcheck.control import Pass
from gisteval.generation.selfcheck.passes import stock_reading
from gisteval.generation.selfcheck.rows import Rows
from gisteval.masks import MaskRule
from gisteval.models.running.base import PromptModel

ALONE = 3
"""Rows that are read one by one, the longest and the shortest among them."""


class AgainstStock:
    """The comparison with the stock model, of one loaded model.

    What a system keeps of a prompt does not matter here. So systems in a row that share the model and
    compare the same rows share the comparison, which takes up to six passes over whole prompts.
    """

    def __init__(self) -> None:
        """Start with no rows read."""
        self._read: object = None
        self._found: tuple[list[Tensor], list[Pass]] = [], []

    def differences(self, model: PromptModel, rows: Rows) -> tuple[list[Tensor], list[Pass]]:
        """Compare whole prompts read by us in a batch with those read by the stock model alone.

        Args:
            model: The model, always the same one.
            rows: The rows of a self-check.

        Returns:
            The differences in nats, and our pass. Both are empty if no whole prompt fits into the context.
        """
        whole = rows.only(rows.whole_in_context(model.context))
        part = whole.only(whole.shortest_and_longest(ALONE)) if len(whole) else whole
        read = (part.whole, part.inputs, part.targets)
        if read != self._read:
            self._read, self._found = read, _differences(model, part)
        return self._found


def _differences(model: PromptModel, part: Rows) -> tuple[list[Tensor], list[Pass]]:
    if not len(part):
        return [], []
    ours = Pass(model, part.whole, part.inputs, part.targets, MaskRule("pos_control"))
    differences = [
        our_reading.distance(stock_reading(model, prompt, inputs, target))
        for our_reading, prompt, inputs, target in zip(
            ours.readings, part.whole, part.inputs, part.targets, strict=True
        )
    ]
    return differences, [ours]
