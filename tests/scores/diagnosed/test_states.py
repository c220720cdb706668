"""Findings on the states of gists, from numbers whose index is known."""

from __future__ import annotations

import numpy as np
import pytest
from observations import observations

from gisteval.records.diagnosis import Observation
from gisteval.scores.diagnosed.rows import Observed
from gisteval.scores.diagnosed.states import OTHER, OWN, summarise_leakage, summarise_states


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
            values={"nearest": nearest, "slots": slots, "expected_slots": 2.0},
            series={
                "between": layers,
                "size": (size,) * len(layers),
                "effective_rank": (3.0,) * len(layers),
            },
            texts={"nearest": f"instruction {(n + 1) % len(between)}"},
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
    (finding,) = summarise_states(Observed({"gist-2": states([(0.0, 5.0)] * 2, nearest=1e-4)}, {})).findings
    assert finding.state == "warning" and "pair" not in finding.text
    assert [finding.text.count(f"“instruction {n}”") for n in range(2)] == [1, 1]


def test_the_index_is_the_ratio_of_means_by_layer() -> None:
    found = states([(n / 4, n / 2) for n in range(16)])
    rows = summarise_states(Observed({"gist-2": found}, {})).rows
    spread = {row.where: row.value for row in rows if row.metric == "spread"}
    assert spread == pytest.approx({"layer 1": 100 * 7.5 / 40, "layer 2": 100 * 7.5 / 20})


@pytest.mark.parametrize(
    ("rise", "control", "state"),
    [(2.0, 3.0, "ok"), (2.0, 9.0, "warning"), (0.0, 3.0, "fault"), (2.0, None, "ok")],
)
def test_gists_are_used_if_others_serve_worse(rise: float, control: float | None, state: str) -> None:
    """But behind another's prompt a system must know no more than the negative control."""
    noise = 0.1 * np.random.default_rng(4).standard_normal((3, 60))
    own, other, none = 1.0 + noise[0], 1.0 + rise + noise[1], (control or 0.0) + noise[2]
    systems = {"gist-1": observations("gist-1", own, OWN) + observations("gist-1", other, OTHER)}
    if control is not None:
        systems["neg"] = observations("neg", none, OWN)
    (finding,) = summarise_leakage(Observed(systems, {"gist-1": "neg", "neg": "neg"})).findings
    assert finding.state == state
    assert f"rises by {np.mean(other - own):.3f} [" in finding.text
    few = {name: [one for one in found if int(one.content) < 4] for name, found in systems.items()}
    assert summarise_leakage(Observed(few, {"gist-1": "neg"})).findings[0].state == "open"
