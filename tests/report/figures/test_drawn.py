"""Figures: which ones a run gets, what they are made of, and that they look alike on light and dark."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

pytest.importorskip("matplotlib")

from kept_figures import faults, keep_figures

from gisteval.metrics import metric
from gisteval.pipeline.score import write_scores
from gisteval.records.judge_figures import pair_entries
from gisteval.records.run_folder import RunFolder
from gisteval.report.data import ReportData, read_runs
from gisteval.report.figures import draw_figures
from gisteval.report.figures.families import families
from gisteval.report.figures.folder import FigureFolder
from gisteval.report.figures.judged import swayed
from gisteval.report.figures.quality import retention
from gisteval.report.figures.style import DARK, column_figure, on_dark
from gisteval.report.samples import collect_samples

GIST = "tiny-gist-1"


@pytest.fixture(scope="module")
def kept():
    """The figures of `drawn` as objects, by name."""
    with pytest.MonkeyPatch.context() as patch:
        yield keep_figures(patch, and_save=True)


@pytest.fixture(scope="module")
def drawn(small_run, tmp_path_factory, kept):
    data = read_runs([small_run])
    folder = tmp_path_factory.mktemp("figures")
    return folder, draw_figures(data, collect_samples(data), FigureFolder(folder, ("pdf", "png")))


def test_a_judged_run_gets_all_that_needs_no_profile(drawn) -> None:
    folder, figures = drawn
    names = [figure.name for figure in figures]
    assert names == [
        "frontier-rougeL-tiny-pos_control-1",
        "k_sweep-rougeL",
        "k_sweep-win_rate-reference",
        "retention",
        "pareto",
        "by_prompt_length",
        "win_bars-reference",
        "judge_bias-reference",
        "loss",
    ]
    starts = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}
    for name in names:
        for ending, start in starts.items():
            assert (folder / f"{name}.{ending}").read_bytes().startswith(start)


def test_no_text_is_cut_and_no_interval_ends_outside_its_panel(drawn, kept) -> None:
    _, figures = drawn
    assert list(kept) == [figure.name for figure in figures]
    assert not {name: found for name, figure in kept.items() if (found := faults(figure))}


def test_a_cut_text_and_a_cut_interval_are_found(tmp_path, monkeypatch) -> None:
    kept = keep_figures(monkeypatch)
    with column_figure(FigureFolder(tmp_path), "bad", 2.0) as (figure, (axis,)):
        axis.errorbar([1.0], [2.0], yerr=[3.0])
        axis.set_ylim(0, 3)
        figure.text(0.9, 0.5, "beyond the edge of the figure")
    text, *bars = faults(kept["bad"])
    assert text.startswith("Text(") and "beyond" in text
    assert bars == ["bar to (1.0, -1.0)", "bar to (1.0, 5.0)"]


def test_svg_is_sound_and_holds_nothing_to_run_or_fetch(drawn) -> None:
    _, figures = drawn
    for figure in figures:
        for text in (figure.light, figure.dark):
            tags = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(text).iter()}
            assert not tags & {"script", "image", "foreignObject", "a"}
        assert len(figure.light) == len(figure.dark)


def test_every_colour_of_a_figure_has_one_on_dark(drawn) -> None:
    _, figures = drawn
    for figure in figures:
        colours = set(re.findall(r"#[0-9a-f]{6}\b", figure.light))
        assert colours <= set(DARK)
        assert set(re.findall(r"#[0-9a-f]{6}\b", figure.dark)) == {DARK[colour] for colour in colours}
    assert on_dark("fill: #0072b2; id='#0072b2f'") == "fill: #4fa3e3; id='#0072b2f'"


def test_the_same_run_gives_the_same_files(drawn, small_run, tmp_path) -> None:
    folder, _ = drawn
    rows = read_runs([small_run]).rows
    retention(families(rows), rows, metric("rougeL"), FigureFolder(tmp_path), "retention")
    for file in tmp_path.iterdir():
        assert file.read_bytes() == (folder / file.name).read_bytes(), file.name


def test_a_judge_without_order_has_no_first_shown(small_run, tmp_path) -> None:
    data = read_runs([small_run])
    blind = [replace(entry, first_shown_share=None, flip_rate=None) for entry in pair_entries(data.judging)]
    run = replace(data.runs[0], judging=tuple(blind))
    drawn = draw_figures(ReportData((run,)), collect_samples(data), FigureFolder(tmp_path))
    bias = next(figure for figure in drawn if figure.name == "judge_bias-reference")
    assert bias.title == "Length (reference)" and "first" not in bias.caption
    assert not swayed([replace(entry, longer_share=None) for entry in blind])


def test_families_sort_their_candidates_by_k(small_run) -> None:
    (family,) = families(reversed(read_runs([small_run]).rows))
    assert (family.name, list(family.candidates)) == ("tiny", [GIST, "tiny-gist-4"])
    assert family.has("rougeL") and not family.has("nll")


def test_without_matplotlib_there_is_a_page_without_figures(small_run, tmp_path) -> None:
    """Where scores are stored, it needs no stemmer either, which would bring scikit-learn."""
    run = tmp_path / "run"
    shutil.copytree(small_run.path, run)
    write_scores(RunFolder.open(run))
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from pathlib import Path\n"
        "from gisteval.report.build import build_report\n"
        "from gisteval.records.run_folder import RunFolder\n"
        f"page = build_report([RunFolder.open(Path({str(run)!r}))], Path({str(tmp_path)!r}))\n"
        "print(page.read_text(encoding='utf-8').count('<figure'))\n"
        "assert not {'torch', 'transformers', 'pandas', 'sklearn', 'nltk'} & set(sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "0\n"
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "pip install &#39;gisteval[report]&#39;" in text
