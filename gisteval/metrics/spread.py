"""How far a metric's values spread between examples, and between the answers to one example.

Source: E. Miller, "Adding Error Bars to Evals", arXiv 2411.00640, 2024, section 3: the variance of a mean
over n examples with K answers each is (variance of examples + variance of answers / K) / n.
"""

from __future__ import annotations

from gisteval.metrics.base import Measurement, Metric

ITEMS = "sd_items"
SAMPLES = "sd_samples"
PARTS = {ITEMS: "between examples", SAMPLES: "between answers"}


class Spread(Measurement):
    """A standard deviation of a metric: between examples, or between the answers to one example."""

    def __init__(self, base: Metric, part: str) -> None:
        """Build the metric.

        Args:
            base: The metric whose values spread.
            part: `ITEMS` or `SAMPLES`.
        """
        self.base, self.part = base, part
        self.name = f"{base.name}.{part}"  # type: ignore[misc]
        self.title = f"{base.title}, spread {PARTS[part]}"  # type: ignore[misc]
        self.unit = "points" if base.unit == "percent" else base.unit  # type: ignore[misc]
        self.digits = base.digits  # type: ignore[misc]


def spread_base(name: str) -> str:
    """Return the name of the metric whose spread this is; empty for another name."""
    base, _, part = name.rpartition(".")
    return base if part in PARTS else ""
