"""Scores by length: equal lengths share a bin, and a point is the mean of its bin."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from kept_figures import faults, keep_figures, lines

from gisteval.report.data import read_runs
from gisteval.report.figures.folder import FigureFolder
from gisteval.report.figures.lengths import by_prompt_length, length_bins
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


def test_a_line_holds_the_means_of_the_bins(
    small_run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = keep_figures(monkeypatch)
    samples = collect_samples(read_runs([small_run]))
    by_prompt_length(samples, FigureFolder(tmp_path), "f")
    assert not [fault for figure in kept.values() for fault in faults(figure)]
    for axis, split in zip(kept["f"].axes, samples.splits, strict=True):
        bins = length_bins([sample for sample in samples.samples if sample.example.split == split])
        drawn = lines(axis)
        assert set(drawn) == {system.name for system in samples.systems}
        for name, points in drawn.items():
            means = [np.mean([sample.outputs[name].score for sample in found]) for found in bins]
            words = [np.mean([len(s.example.instruction.split()) for s in found]) for found in bins]
            assert dict(points) == pytest.approx(dict(zip(words, means, strict=True)))
