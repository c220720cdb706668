"""What is drawn is all there: texts inside their figure and apart, axes that hold the data, no warnings."""

from __future__ import annotations

import warnings
from dataclasses import replace

import pytest

pytest.importorskip("matplotlib")

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gisteval.metrics import metric
from gisteval.records.schema import ResultRow
from gisteval.report.data import read_runs
from gisteval.report.figures import draw_figures, quality, style
from gisteval.report.figures.families import families
from gisteval.report.figures.folder import FigureFolder
from gisteval.report.figures.marks import Mark, place_marks
from gisteval.report.figures.style import SERIES, column_figure, fit_values, legend, series_styles, wrapped
from gisteval.report.samples import collect_samples

ROW = ResultRow(
    task="t",
    split="s0",
    system="m-truncate-4",
    condition=None,
    control=None,
    compressor="truncate",
    k=0,
    metric="rougeL",
    value=40.0,
    ci_low=30.0,
    ci_high=50.0,
    unit="percent",
    n=10,
    clusters=10,
    failures=0,
    reference="m-pos_control-untrained",
)


def plain_rows(splits: int = 1) -> list[ResultRow]:
    """A plain model, shortened, between controls that are its own weights."""
    rows = []
    for split in (f"s{number}" for number in range(splits)):
        own = replace(ROW, split=split)
        rows += [own, replace(own, metric="compression_achieved", value=4.0)]
        for condition, value in (("pos_control", 60.0), ("neg_control", 10.0)):
            name = f"m-{condition}-untrained"
            reference = None if condition == "pos_control" else ROW.reference
            rows.append(
                replace(
                    own,
                    system=name,
                    condition=condition,
                    control="untrained",
                    value=value,
                    ci_low=value - 5,
                    ci_high=value + 5,
                    reference=reference,
                )
            )
    return rows


@pytest.fixture
def strict():
    """Any warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_a_shortened_prompt_is_of_its_controls_family_and_has_no_k() -> None:
    (family,) = families(plain_rows())
    assert (family.name, list(family.candidates)) == ("m", ["m-truncate-4"])
    assert family.positive["rougeL"]["s0"].value == 60.0
    assert family.over_k().candidates == {}
    assert family.control_label("positive") == "positive control (untrained)"


def test_plain_models_have_no_figure_over_k(tmp_path, strict, small_run) -> None:
    data = read_runs([small_run])
    (run,) = data.runs
    plain = replace(run, rows=tuple(plain_rows(9)), judging=())
    samples = replace(collect_samples(data), judges=(), systems=())
    drawn = draw_figures(replace(data, runs=(plain,)), samples, FigureFolder(tmp_path))
    assert [figure.name for figure in drawn] == ["pareto", "loss"]


def test_names_in_other_scripts_and_long_ones_draw_without_a_warning(tmp_path, strict) -> None:
    name = "ein-sehr-langer-Modellname-mit-vielen-Teilen-" * 3 + "模型"
    rows = [
        replace(row, split="人間", system=name + row.system[1:], reference=None) for row in plain_rows()
    ]
    with column_figure(FigureFolder(tmp_path, ("png",)), "f", 2.0, (1, 9)) as (figure, axes):
        axes[0].set_title("人間")
        lines = axes[0].plot([1, 2], [1, 2], label=name)
        legend(figure, {name: lines[0]}, 3)
    quality.pareto(families(rows), rows, metric("rougeL"), FigureFolder(tmp_path), "pareto")
    assert (tmp_path / "f.png").stat().st_size > 1000


def test_no_two_of_many_lines_look_alike() -> None:
    names = [f"system-{number}" for number in range(len(SERIES) ** 2)]
    styles = series_styles(names)
    assert [styles[name] for name in names[: len(SERIES)]] == list(SERIES)
    assert len(set(map(str, styles.values()))) == len(names)


def test_no_format_of_an_earlier_figure_is_left(tmp_path) -> None:
    def endings(*formats: str) -> set[str]:
        with column_figure(FigureFolder(tmp_path, formats), "f", 2.0) as (_, (axis,)):
            axis.plot([1, 2], [1, 2])
        return {file.suffix for file in tmp_path.iterdir()}

    assert endings("pdf", "svg") == {".svg", ".pdf"}
    assert endings("png") == {".svg", ".png"}
    assert endings() == {".svg"}


@pytest.mark.parametrize("count", [2, 5, 9])
def test_a_legend_stays_inside_its_figure(tmp_path, count: int) -> None:
    names = [f"a-run/wordplay-llama-pos_control-{number}-untrained" for number in range(count)]
    with column_figure(FigureFolder(tmp_path), "f", 4.0) as (figure, (axis,)):
        legend(figure, {name: axis.plot([1, 2], label=name)[0] for name in names}, 3)
        figure.draw_without_rendering()
        (drawn,) = figure.legends
        box = drawn.get_window_extent(FigureCanvasAgg(figure).get_renderer())
        assert box.x0 >= 0 and box.x1 <= figure.bbox.width
        assert [text.get_text().replace("\n", "") for text in drawn.get_texts()] == names


def test_wrapped_names_lose_nothing() -> None:
    for name in ("short", "a" * 60, "a-b/" * 30, "", "-" * 40, "one two " * 9):
        assert wrapped(name).replace("\n", "") == name
        assert max(map(len, wrapped(name).split("\n"))) <= 27
        assert wrapped(name, 18).replace("\n", "") == name
        assert max(map(len, wrapped(name, 18).split("\n"))) <= 19


def test_an_axis_holds_every_value_and_interval_of_all_panels() -> None:
    axes = Figure().subplots(1, 2, sharey=True)
    rows = [replace(ROW, value=20.0), replace(ROW, value=90.0, ci_low=80.0, ci_high=99.0)]
    for axis, row in zip(axes, rows, strict=True):
        axis.plot(1, row.value, "o")
    fit_values(axes, rows)
    low, high = axes[0].get_ylim()
    assert low == 0.0 and 99.0 < high < 110.0
    fit_values(axes, [replace(ROW, value=-3.0, ci_low=-9.0)])
    assert axes[0].get_ylim()[0] < -9.0


@pytest.mark.parametrize("arrows", [False, True])
def test_a_figure_that_is_drawn_once_is_the_same_file(tmp_path, monkeypatch, arrows: bool) -> None:
    files = []
    for kind in (style._Figure, Figure):
        monkeypatch.setattr(style, "_Figure", kind)
        folder = FigureFolder(tmp_path / kind.__name__)
        with column_figure(folder, "x", 2.0, (1, 2), True) as (figure, axes):
            for axis in axes:
                (line,) = axis.plot([1, 3, 100], [0.1, 50.0, 2000.0], label="a line with a name")
                axis.errorbar([2, 20], [300, 900], yerr=[[5, 7], [200, 3]], capsize=2)
                axis.set_xscale("log")
                axis.set_title("one of the two panels")
                axis.set_xlabel("number of examples")
            axes[0].set_yscale("log")
            axes[1].legend()
            if arrows:
                place_marks(axes[0], [Mark("5", 3, 50, 40, 60), Mark("10", 3.1, 51, 45, 58)])
            legend(figure, {"a line with a name": line}, 2)
        files.append((folder.path / "x.svg").read_bytes())
    assert files[0] == files[1]
