"""The figures of a diagnosis: no text is cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from diagnosis_content import diagnosis_content

pytest.importorskip("matplotlib")

from matplotlib.backends.backend_agg import FigureCanvasAgg

from gisteval.report.figures import style
from gisteval.report.figures.diagnosis import draw_diagnosis
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
