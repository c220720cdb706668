"""Figures by length, depth and facts draw the means of their cells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from kept_figures import faults, keep_figures

from gisteval.records.schema import Example
from gisteval.report.figures.folder import FigureFolder
from gisteval.report.figures.groups import HIGH, LOW, draw_groups
from gisteval.report.samples import Output, Sample, Samples, SystemInfo

LENGTHS, DEPTHS = (256, 1024), (0.0, 50.0, 100.0)
SYSTEMS = (
    SystemInfo("m-pos", "positive", 0, None, "full"),
    SystemInfo("m-gist-1", "candidate", 1, "m-pos", "gist"),
)


def score(system: str, example: Example) -> float:
    """The control knows all; the candidate less the longer the prompt, and nothing at the end."""
    if system == "m-pos":
        return 100.0
    knows = int(example.id) % 4 < (3 if example.length == 256 else 1)
    return 100.0 * (knows and example.depth != 100.0)


def samples_of(*depths: float) -> Samples:
    examples = [
        Example(str(n), "needle", "single", f"text {n}", "?", "o", depth=depth, length=length)
        for depth in depths
        for length in LENGTHS
        for n in range(8)
    ]
    return Samples(
        SYSTEMS,
        ("single",),
        (),
        tuple(
            Sample(
                f"{n}",
                example,
                {s.name: Output("", True, score(s.name, example), False, {}, ()) for s in SYSTEMS},
            )
            for n, example in enumerate(examples)
        ),
        leading="string_match_all",
    )


def test_a_cell_holds_the_mean_and_number_of_its_examples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = keep_figures(monkeypatch)
    names = [name for name, _, _ in draw_groups(samples_of(*DEPTHS), FigureFolder(tmp_path))]
    assert names == ["by_length", "depth_by_length-single"]
    assert not [fault for figure in kept.values() for fault in faults(figure)]
    whole, gist, *empty = kept["depth_by_length-single"].axes
    means = [text for text in gist.texts if not text.get_text().startswith("n=")]
    cells = {(int(x), round(y)): int(text.get_text()) for text in means for x, y in [text.get_position()]}
    assert cells == {(0, 0): 75, (0, 1): 75, (0, 2): 0, (1, 0): 25, (1, 1): 25, (1, 2): 0}
    assert [text.get_text() for text in gist.texts].count("n=8") == len(means) == 6
    assert {text.get_text() for text in whole.texts} == {"100", "n=8"}
    ends = [tuple(round(255 * part) for part in patch.get_facecolor()[:3]) for patch in gist.patches]
    assert ends[2] == LOW and [round(255 * p) for p in whole.patches[0].get_facecolor()[:3]] == list(HIGH)
    assert not any(axis.axison for axis in empty)


def test_one_depth_needs_no_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = keep_figures(monkeypatch)
    assert (
        [name for name, _, _ in draw_groups(samples_of(0.0), FigureFolder(tmp_path))]
        == ["by_length"]
        == list(kept)
    )
    (axis,) = kept["by_length"].axes
    drawn = [container[0].get_data() for container in axis.containers]
    assert [list(np.asarray(ys)) for _, ys in drawn] == [[100.0, 100.0], [75.0, 25.0]]
    assert [list(np.asarray(xs)) for xs, _ in drawn] == [list(LENGTHS)] * 2
