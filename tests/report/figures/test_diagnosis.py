"""The figures of a diagnosis: no text is cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from diagnosis_content import diagnosis_content

pytest.importorskip("matplotlib")

from matplotlib.backends.backend_agg import FigureCanvasAgg

from gisteval.report.figures import style
from gisteval.report.figures.diagnosis import HIDDEN, OPEN, STRICT, draw_diagnosis, place_and_kind
from gisteval.report.figures.folder import FigureFolder


def test_no_text_of_a_figure_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = diagnosis_content()

    def check(figure: Any, path: Path, **options: Any) -> None:
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        box, (width, height) = figure.get_tightbbox(canvas.get_renderer()), figure.get_size_inches()
        assert box.x0 > -0.02 and box.y0 > -0.02, path
        assert box.x1 < width + 0.02 and box.y1 < height + 0.02, path
        checked.append(path.stem)

    checked: list[str] = []
    monkeypatch.setattr(style, "_save", check)
    drawn = draw_diagnosis(content, FigureFolder(tmp_path))
    assert checked == [figure.name for figure in drawn]
    assert len(set(checked)) == 4
    assert all(figure.caption.count(". ") >= 1 for figure in drawn)


@pytest.mark.parametrize(
    ("setting", "place", "kind"),
    [
        ("leak 4", "leak 4", OPEN),
        ("open to the encoder", "open to the encoder", OPEN),
        ("open in head 3", "head 3", OPEN),
        ("strict in layers 1-2 only", "layers 1-2", STRICT),
        ("hidden in decoder layer 1", "decoder layer 1", HIDDEN),
    ],
)
def test_masks_of_one_place_stand_on_one_line(setting: str, place: str, kind: str) -> None:
    assert place_and_kind(setting) == (place, kind)
