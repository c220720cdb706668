"""Findings on the states of gists, from numbers whose index is known."""

from __future__ import annotations

import math

import pytest
from observations import observations

from gisteval.records.diagnosis import Observation
from gisteval.scores.diagnosed.rows import Observed
from gisteval.scores.diagnosed.states import NEAREST, summarise_states


def states(
    between: list[tuple[float, ...]], nearest: float = 0.5, slots: float = 2.0, size: float = 10.0
) -> list[Observation]:
    """A system whose gists have these squared distances from the mean in each layer, one an instruction."""
    return [
        observation
        for n, layers in enumerate(between)
        for observation in observations(
            "gist-2",
            [0.0],
            "states",
            content=str(n),
            cluster=f"instruction {n}",
            values={
                **{"cosine": 0.5, "distance": nearest, "effect": 0.25 + n},
                **{"slots": slots, "expected_slots": 2.0},
            },
            series={
                "between": layers,
                "size": (size,) * len(layers),
                "effective_rank": (3.0,) * len(layers),
            },
            texts={
                "cosine": f"instruction {(n + 1) % len(between)}",
                "effect": f"instruction {(n + 1 + n % 2) % len(between)}",
            },
        )
    ]


@pytest.mark.parametrize(
    ("found", "state", "text"),
    [
        (states([(0.0, 4.0), (0.0, 6.0)] * 8), "ok", "index 50 to 50%"),
        (states([(0.0, 0.01)] * 16), "fault", "collapsed"),
        (states([(0.0, 0.0)] * 16, size=0.0), "fault", "collapsed"),
        (states([(0.0, 5.0, 0.01)] * 16), "fault", "in layer 3 the gists"),
        (states([(0.0, 5.0)] * 12, nearest=1e-4), "warning", " and 9 more pairs are as good as equal"),
        (states([(0.0, 5.0)] * 16, slots=3.0), "fault", "keeps 3 slots of an instruction, but"),
    ],
)
def test_sick_states_are_told_from_healthy_ones(found: list[Observation], state: str, text: str) -> None:
    """The first layer of gists is not judged: there they are their own embeddings."""
    finding = summarise_states(Observed({"gist-2": found}, {})).findings[0]
    assert finding.state == state and text in finding.text


def test_two_gists_that_are_as_good_as_equal_are_one_pair() -> None:
    found = states([(0.0, 5.0)] * 2, nearest=1e-4)
    finding = summarise_states(Observed({"gist-2": found}, {})).findings[0]
    assert finding.state == "warning" and "pair" not in finding.text
    assert [finding.text.count(f"“instruction {n}”") for n in range(2)] == [1, 1]


def test_the_index_is_the_ratio_of_means_by_layer() -> None:
    found = states([(n / 4, n / 2) for n in range(16)])
    rows = summarise_states(Observed({"gist-2": found}, {})).rows
    spread = {row.where: row.value for row in rows if row.metric == "spread"}
    assert spread == pytest.approx({"layer 1": 100 * 7.5 / 40, "layer 2": 100 * 7.5 / 20})


def test_neighbours_by_cosine_and_by_effect_are_named_and_compared() -> None:
    summary = summarise_states(Observed({"gist-2": states([(0.0, 5.0)] * 16)}, {}))
    text = summary.findings[-1].text
    assert "by cosine (0.50): “instruction 0” and “instruction 1”" in text
    assert "by effect (KL 0.25): “instruction 0” and “instruction 1”" in text
    assert "for 50% of the instructions" in text
    near = {row.metric: row.value for row in summary.rows if row.where == NEAREST}
    assert near == pytest.approx({"cosine": 0.5, "effect": 0.25 + 7.5, "same_nearest": 50.0})
    entropy = [row.value for row in summary.rows if row.metric == "entropy"]
    assert entropy == pytest.approx([math.log(3.0)] * 2)
