"""The values of single outputs."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from literal_outputs import BLANK, EXAMPLES, GIST, collect, values

from gisteval.errors import InvalidRun
from gisteval.metrics import metrics_of, output_metrics
from gisteval.scores.lines import recipe


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_is_refused(loss: float) -> None:
    generations = [*GIST[:3], replace(GIST[3], nll=loss)]
    with pytest.raises(InvalidRun, match=r"gist-1 on e4: the loss is (nan|inf): the weights are damaged"):
        collect(EXAMPLES, generations, set())


def test_values_of_an_unfinished_output() -> None:
    found = values(replace(BLANK, finished=False, kept=0, compressor="nothing"))
    assert (found["unfinished"], found["rougeL"]) == (100.0, 0.0)
    assert "compression_achieved" not in found


def test_the_recipe_depends_on_the_metrics_and_their_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = output_metrics(metrics_of())
    before = recipe(metrics)
    assert recipe(metrics) == before != recipe(metrics[1:])
    monkeypatch.setattr(type(metrics[0]), "version", metrics[0].version + 1)
    assert recipe(metrics) != before
