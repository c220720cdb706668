"""Intervals, paired tests, retention and power. Every function keeps the unit it is given.

Examples are independent, or fall into clusters (the ones that share an instruction). Percentages and
their differences have the interval of `bounded`, everything else that of `intervals`. What the
data can't bound is an infinite interval, never a narrow one; JSON has no infinity and no NaN,
so writers turn both into null.
"""

from gisteval.stats.bounded import BoundedMean, bounded_mean, percent_interval, proportion_interval
from gisteval.stats.intervals import mean_interval
from gisteval.stats.margin import MARGIN, MarginTest, margin_test
from gisteval.stats.paired import PairedDifference, holm, paired_difference
from gisteval.stats.power import examples_needed, smallest_detectable_difference
from gisteval.stats.ratio import ratio_of_means, retention
from gisteval.stats.regression import LinearFit, linear_fit
from gisteval.stats.samples import FloatArray

__all__ = [
    "MARGIN",
    "BoundedMean",
    "FloatArray",
    "LinearFit",
    "MarginTest",
    "PairedDifference",
    "bounded_mean",
    "examples_needed",
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
]
