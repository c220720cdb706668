"""Texts beside points lie apart."""

from __future__ import annotations

from contextlib import nullcontext
from itertools import combinations

import pytest

pytest.importorskip("matplotlib")

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gisteval.report.figures.marks import Mark, place_marks


@pytest.mark.parametrize("spread", [30.0, 4.0, 0.5])
def test_marks_lie_apart(spread: float) -> None:
    figure = Figure(figsize=(2.0, 2.0))
    axis = figure.subplots()
    axis.set_xlim(0, 10)
    axis.set_ylim(0, 100)
    values = [50 + spread * (number - 2) / 2 for number in range(5)]
    marks = [Mark(str(10 + n), 4 + 0.4 * n, y, y - 3, y + 3) for n, y in enumerate(values)]
    place_marks(axis, [*marks, Mark("", 5.0, 50.0, 40.0, 60.0)])
    draw = FigureCanvasAgg(figure).get_renderer()
    boxes = [text.get_window_extent(draw) for text in axis.texts]
    assert [text.get_text() for text in axis.texts] == ["10", "11", "12", "13", "14"]
    for one, other in combinations(boxes, 2):
        assert one.count_overlaps([other]) == 0


def test_messages_that_nobody_reads_move_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    places = []
    for _ in range(2):
        axis = Figure(figsize=(2.0, 2.0)).subplots()
        place_marks(axis, [Mark(str(10 + n), 0.5 + 0.02 * n, 0.5, 0.4, 0.6) for n in range(5)])
        places.append([text.get_position() for text in axis.texts])
        monkeypatch.setattr("gisteval.report.figures.marks.np.printoptions", lambda **_: nullcontext())
    assert places[0] == places[1]
