"""The page, tables and figures of a diagnosis: all measures have them, and no text is cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from gisteval.metrics.diagnostic import DIAGNOSTIC_METRICS
from gisteval.pipeline.diagnose.measures import TAKES
from gisteval.pipeline.diagnose.options import MEASURES
from gisteval.records.diagnosis import Diagnosed, Diagnosis, DiagnosticRow, read_diagnosis
from gisteval.report.diagnosis.page import TITLES, write_diagnosis_page
from gisteval.report.diagnosis.tables import diagnosis_tables, diagnosis_text
from gisteval.report.figures import style
from gisteval.report.figures.diagnosis import draw_diagnosis

SYSTEMS = ("a-family-with-a-very-long-name-gist-1", "a-family-with-a-very-long-name-neg_control-1")


def row(measure: str, system: str, metric: str, setting: str, where: str = "") -> DiagnosticRow:
    return DiagnosticRow(
        measure=measure,
        split="<human>",
        system=system,
        setting=setting,
        where=where,
        metric=metric,
        unit=DIAGNOSTIC_METRICS[metric].unit,
        value=0.5,
        ci_low=0.25,
        ci_high=0.75,
        n=40,
        clusters=20,
        reference="pos",
    )


@pytest.fixture
def content() -> Diagnosis:
    rows = []
    for system in SYSTEMS:
        for setting in ("reference", "own answer"):
            rows += [row("divergence", system, f"delta_nll@{h}", setting) for h in (1, 8, 32, 128)]
            rows += [row("divergence", system, name, setting) for name in ("kl", "top1", "agreed")]
            parts = ("token 1", "token 2", "tokens 3 to 4", "distance 1 to 5 tokens")
            rows += [row("divergence", system, "delta_nll", setting, where) for where in parts]
        rows += [row("states", system, "spread", "states", f"layer {n}") for n in (1, 2)]
        rows += [row("states", system, "effective_rank", "states", f"layer {n}") for n in (1, 2)]
        rows += [row("leakage", system, "nll", setting) for setting in ("own prompt", "another's prompt")]
        rows += [row("strictness", system, "nll", "leak 0"), row("strictness", system, "nll", "leak 1")]
        rows += [
            row("strictness", system, "delta_nll", name) for name in ("leak 1", "strict in layer 3 only")
        ]
        rows += [row("drift", system, "cosine", "reference"), row("work", system, "dep", "reference")]
        rows.append(row("training", system, "loss_gap", "training loss", "50% of the steps"))
    rows.append(row("choice", "family", "needs_more", "k = 1 beside k = 2"))
    findings = (
        Diagnosed(measure="states", system=SYSTEMS[0], split="<human>", state="fault", text="<b>collapsed"),
        Diagnosed(measure="leakage", system=SYSTEMS[0], split="<human>", state="ok", text="used"),
    )
    return Diagnosis(
        signature="s", measures=MEASURES, rows=tuple(rows), findings=findings, notes=("a note",)
    )


def test_every_measure_is_taken_shown_and_asked(content: Diagnosis) -> None:
    assert list(TAKES) == list(MEASURES) == list(TITLES)
    names = [table.name for table in diagnosis_tables(content)]
    assert names[0] == "diagnosis-findings"
    assert all(any(name.startswith(measure) for name in names) for measure in MEASURES)
    assert "0.500 [0.250, 0.750]" in diagnosis_text(content)


def test_the_page_holds_it_all_and_no_markup_of_others(content: Diagnosis, tmp_path: Path) -> None:
    page = write_diagnosis_page(content, tmp_path).read_text(encoding="utf-8")
    assert "&lt;b&gt;collapsed" in page and "<b>collapsed" not in page
    assert "<script" not in page and "a note" in page
    assert page.count('class="on-dark"') == page.count('class="on-light"') == 4
    assert list((tmp_path / "diagnostics" / "tables").glob("*.tex"))


def test_no_text_of_a_figure_is_cut(
    content: Diagnosis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(figure: Any, path: Path, **options: Any) -> None:
        if path.suffix == ".png":  # the format in which it is laid out
            canvas = FigureCanvasAgg(figure)
            canvas.draw()
            box, (width, height) = figure.get_tightbbox(canvas.get_renderer()), figure.get_size_inches()
            assert box.x0 > -0.02 and box.y0 > -0.02, path
            assert box.x1 < width + 0.02 and box.y1 < height + 0.02, path
            checked.append(path.stem)

    checked: list[str] = []
    monkeypatch.setattr(style, "_save", check)
    drawn = draw_diagnosis(content, tmp_path)
    assert checked == [figure.name for figure in drawn]
    assert len(set(checked)) == 4
    assert all(figure.caption.count(". ") >= 1 for figure in drawn)


def test_what_is_written_is_read_and_damage_is_named(content: Diagnosis, tmp_path: Path) -> None:
    file = content.write(tmp_path)
    assert read_diagnosis(tmp_path) == content
    file.write_text(file.read_text(encoding="utf-8").replace('"fault"', '"fine"'), encoding="utf-8")
    with pytest.raises(Exception, match="damaged"):
        read_diagnosis(tmp_path)
    assert read_diagnosis(tmp_path / "elsewhere") is None
