"""Figures of a profile draw its numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from kept_figures import faults, keep_figures, lines
from profile_content import WAYS, profile_content

from gisteval.records.machine_facts import PublishedMachine
from gisteval.records.profile_facts import ModelProfile, WhatIfProfile
from gisteval.report.figures.folder import FigureFolder
from gisteval.report.figures.profile import draw_figures

PROFILE = ModelProfile.from_json(profile_content())


def test_totals_are_shares_of_no_cache_and_costs_are_as_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = keep_figures(monkeypatch)
    assert draw_figures(PROFILE, FigureFolder(tmp_path)) == list(kept)
    assert not [fault for figure in kept.values() for fault in faults(figure)]
    for axis in kept["break_even-batch-1"].axes:  # by hand: a curve's totals are 5 and 5 + its number
        assert lines(axis) == {way: [(1.0, 100.0), (10.0, 100.0 + 20.0 * n)] for n, way in enumerate(WAYS)}
    (costs,) = kept["cost_by_prompt_length"].axes
    points = {(n, way): [(10.0, 1e12 * (n + 1)), (100.0, 1e12 * (n + 1))] for n, way in enumerate(WAYS)}
    assert lines(costs) == {way: found for (_, way), found in points.items()}


def test_bars_of_time_add_up_to_each_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = keep_figures(monkeypatch)
    draw_figures(PROFILE, FigureFolder(tmp_path))
    each, once = kept["latency_breakdown-batch-1"].axes
    ends = [bar.get_x() + bar.get_width() for bar in each.patches]
    assert ends == pytest.approx([2.0] * len(WAYS) + [4.0] * len(WAYS))  # milliseconds: prefill, then all
    assert [text.get_text() for text in each.get_yticklabels()] == list(reversed(WAYS))
    widths = dict(zip(reversed(WAYS), (bar.get_width() for bar in once.patches), strict=True))
    assert widths == pytest.approx(
        {"no cache": 0.0, "whole-prompt cache": 2.0, "gist-1": 2.0, "negative control": 0.0}
    )


def test_only_a_sweep_over_lengths_has_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And of further k and batch sizes the first is drawn, a line a way."""
    kept = keep_figures(monkeypatch)
    (batch,) = PROFILE.batches
    rows = [replace(row, curves=batch.curves.seconds) for row in PROFILE.by_prompt_length]
    alone = replace(rows[0], shape="alone")
    content = WhatIfProfile(
        schema_version=2, machine=PublishedMachine("m", 1e12, 1e12), input_tokens=1, output_tokens=1,
        value_bytes=2, memory_budget=1, rows=(*rows, *(replace(row, k=5) for row in rows), alone),
    )  # fmt: skip
    assert (
        draw_figures(content, FigureFolder(tmp_path))
        == ["cost_by_prompt_length-s", "break_even-s"]
        == list(kept)
    )
    (costs,) = kept["cost_by_prompt_length-s"].axes
    assert [len(points) for points in lines(costs).values()] == [2] * len(WAYS)
    titles = [axis.get_title() for axis in kept["break_even-s"].axes]
    assert titles == ["FLOPs, prompt of 10", "FLOPs, prompt of 100"]
