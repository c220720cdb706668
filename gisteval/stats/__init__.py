"""Intervals, paired tests, retention and power. Every function keeps the unit it is given.

Examples are independent, or fall into clusters (the ones that share an instruction). What the
data can't bound is an infinite interval, never a narrow one; JSON has no infinity and no NaN,
so writers turn both into null.
"""

from gisteval.stats.bootstrap import bootstrap_interval, retention
from gisteval.stats.bounded import BoundedMean, bounded_mean
from gisteval.stats.intervals import mean_interval, proportion_interval, wilson_interval
from gisteval.stats.paired import PairedDifference, holm, paired_difference
from gisteval.stats.power import examples_needed, smallest_detectable_difference
from gisteval.stats.regression import LinearFit, linear_fit
from gisteval.stats.samples import FloatArray

__all__ = [
    "BoundedMean",
    "FloatArray",
    "LinearFit",
    "PairedDifference",
    "bootstrap_interval",
    "bounded_mean",
    "examples_needed",
    "holm",
    "linear_fit",
    "mean_interval",
    "paired_difference",
    "proportion_interval",
    "retention",
    "smallest_detectable_difference",
    "wilson_interval",
]
