"""Parts of figures with several panels."""

from __future__ import annotations

import pytest

pytest.importorskip("matplotlib")

from matplotlib.figure import Figure

from gisteval.report.figures.panels import labelled, leave_empty, title_columns


def test_a_label_of_several_panels_stands_once_in_the_legend_with_its_first_line() -> None:
    first, second = Figure().subplots(1, 2)
    (gist,) = first.plot([1, 2], label="gist")
    second.plot([1, 2], label="gist")
    (control,) = second.plot([2, 1], label="control")
    second.plot([1, 1], label="_unnamed")
    assert labelled([first, second]) == {"gist": gist, "control": control}


def test_only_the_first_row_is_titled_even_where_it_is_empty() -> None:
    axes = list(Figure().subplots(2, 2).flat)
    leave_empty(axes[0])
    title_columns(axes, ["seen", "a-split-with-quite-a-long-name-of-its-own"])
    titles = [axis.get_title() for axis in axes]
    assert titles[0] == "seen" and titles[2:] == ["", ""]
    assert titles[1].replace("\n", "") == "a-split-with-quite-a-long-name-of-its-own" != titles[1]
    assert [axis.axison for axis in axes] == [False, True, True, True]
