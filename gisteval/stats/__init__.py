"""Intervals, paired tests, retention and power. Every function keeps the unit of its arguments.

Examples are independent, or they fall into clusters (the examples that share an instruction). Percentages
and their differences have the interval of `bounded`, all other values that of `intervals`. If the data
don't bound a number, its interval is infinite, never narrow. JSON has neither infinity nor NaN, so writers
turn both into null.
"""

from gisteval.stats.bounded import BoundedMean, bounded_mean, percent_interval, proportion_interval
from gisteval.stats.intervals import mean_interval
from gisteval.stats.margin import MARGIN, MarginTest, margin_test
from gisteval.stats.paired import PairedDifference, benjamini_hochberg, holm, paired_difference
from gisteval.stats.power import examples_needed, smallest_detectable_difference
from gisteval.stats.ratio import ratio_of_means, retention
from gisteval.stats.regression import LinearFit, linear_fit
from gisteval.stats.samples import FloatArray
from gisteval.stats.spread import Gains, SpreadParts, gains, spread

__all__ = [
    "MARGIN",
    "BoundedMean",
    "FloatArray",
    "Gains",
    "LinearFit",
    "MarginTest",
    "PairedDifference",
    "SpreadParts",
    "benjamini_hochberg",
    "bounded_mean",
    "examples_needed",
    "gains",
    "holm",
    "linear_fit",
    "margin_test",
    "mean_interval",
    "paired_difference",
    "percent_interval",
    "proportion_interval",
    "ratio_of_means",
    "retention",
    "smallest_detectable_difference",
    "spread",
]
