"""Bins of length."""

from __future__ import annotations

from itertools import pairwise

import pytest

pytest.importorskip("matplotlib")

from gisteval.report.data import read_runs
from gisteval.report.figures.lengths import length_bins
from gisteval.report.samples import collect_samples


def test_bins_of_length_keep_equal_lengths_together(small_run) -> None:
    samples = [
        sample
        for sample in collect_samples(read_runs([small_run])).samples
        if sample.example.split == "seen"
    ]
    bins = length_bins(samples)
    lengths = [{len(sample.example.instruction.split()) for sample in found} for found in bins]
    assert sum(map(len, bins)) == 24 and 2 <= len(bins) <= 4
    assert all(max(one) < min(other) for one, other in pairwise(lengths))
