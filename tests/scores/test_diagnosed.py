"""Rows and findings of diagnoses, from observations made by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gisteval import stats
from gisteval.records.diagnosis import Observation
from gisteval.scores.diagnosed.choice import recommended, summarise_choice
from gisteval.scores.diagnosed.divergence import summarise
from gisteval.scores.diagnosed.rows import Observed
from gisteval.scores.diagnosed.strictness import summarise_strictness
from gisteval.scores.diagnosed.training import Training, average, summarise_training

HORIZONS = ("delta_nll@1", "delta_nll@8", "delta_nll@32", "delta_nll@128")


def observations(system: str, values: list[float], setting: str = "own answer") -> list[Observation]:
    return [
        Observation(
            key=f"{system} {setting} {n}",
            measure="m",
            system=system,
            reference="pos",
            split="s",
            setting=setting,
            example=str(n),
            content=str(n),
            cluster=f"instruction {n // 2}",
            values={
                **dict.fromkeys((*HORIZONS, "kl", "nll"), value),
                **dict.fromkeys(("agreed", "top1", "same_answer", "greedy_exact"), 50.0),
            },
            series={"delta_nll": (value, 3 * value)},
            marks={"distance": (2.0, None)},
        )
        for n, value in enumerate(values)
    ]


def test_rows_are_means_with_the_intervals_of_all_metrics() -> None:
    draw = np.random.default_rng(0)
    ours, theirs = draw.gamma(2.0, 0.5, 60).tolist(), draw.gamma(9.0, 0.5, 60).tolist()
    both = Observed(
        {"gist-1": observations("gist-1", ours), "neg": observations("neg", theirs)},
        {"gist-1": "neg", "neg": "neg"},
    )
    found = summarise(both)
    by_place = {(row.system, row.metric, row.where): row for row in found.rows}
    row = by_place["gist-1", "delta_nll@32", ""]
    clusters = [f"instruction {n // 2}" for n in range(60)]
    expected = stats.mean_interval(ours, clusters)
    assert (row.value, row.ci_low, row.ci_high) == (expected.value, expected.ci_low, expected.ci_high)
    assert row.control == pytest.approx(np.mean(theirs))
    assert row.share == pytest.approx(100 * np.mean(ours) / np.mean(theirs))
    assert by_place["neg", "delta_nll@32", ""].share is None
    assert by_place["gist-1", "delta_nll", "token 2"].value == pytest.approx(3 * np.mean(ours))
    near = by_place["gist-1", "delta_nll", "distance 1 to 5 tokens"]
    assert near.value == pytest.approx(np.mean(ours))
    (finding,) = found.findings
    assert finding.state == "note" and "no substitute" in finding.text


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ([0.0] * 40, "ok"),
        ([0.01, 0.02, 0.03] * 14, "ok"),
        ([0.0, 0.22] * 4, "open"),
        ([1.0, 2.0, 3.0] * 14, "note"),
    ],
)
def test_a_system_is_placed_beside_the_target(values: list[float], state: str) -> None:
    ours, control = observations("gist-1", values), observations("neg", [3.0] * len(values))
    (finding,) = summarise(Observed({"gist-1": ours, "neg": control}, {"gist-1": "neg"})).findings
    assert finding.state == state


def test_a_change_of_strictness_is_paired_and_corrected() -> None:
    draw = np.random.default_rng(1)
    strict = draw.gamma(2.0, 1.0, 80)
    by_setting = {"leak 0": strict, "leak 1": strict - 0.2 - 0.05 * draw.random(80)}
    by_setting |= {f"noise {n}": strict + 0.01 * draw.standard_normal(80) for n in range(6)}
    found = [
        item for name, values in by_setting.items() for item in observations("g", values.tolist(), name)
    ]
    summary = summarise_strictness(Observed({"g": found}, {}))
    changes = {row.setting: row.value for row in summary.rows if row.metric == "delta_nll"}
    assert changes["leak 1"] == pytest.approx(np.mean(by_setting["leak 1"] - strict))
    assert "leak 0" not in changes
    assert summary.findings[0].text.endswith("shown to lower it: leak 1")


CURVE = [(step, 1.0 + 2.0 * math.exp(-step / 200)) for step in range(50, 2001, 50)]
NEGATIVE = [(step, 2.5) for step, _ in CURVE]
POSITIVE = [(step, loss - 0.1) for step, loss in CURVE]


@pytest.mark.parametrize(
    ("loss", "state", "begin"),
    [
        (CURVE, "ok", "the loss ended at"),
        (NEGATIVE, "warning", "the loss ended at 2.500, 0% of the way"),
        ([*CURVE[:30], *((step, 2.0) for step, _ in CURVE[30:])], "warning", "the loss rose to 2.000"),
        ([*CURVE[:-1], (2000, math.nan)], "fault", "the loss is no number"),
    ],
)
def test_a_sick_training_is_told_from_a_healthy_one(loss: list, state: str, begin: str) -> None:
    summary = summarise_training([Training("gist-1", loss, "pos", POSITIVE, NEGATIVE)])
    assert (summary.findings[0].state, summary.findings[0].text[: len(begin)]) == (state, begin)
    if state == "ok":
        assert [row.value for row in summary.rows] == pytest.approx([0.1] * 4)


def test_the_average_is_of_the_last_tenth() -> None:
    assert average([(10, 5.0), (90, 3.0), (95, 2.0), (100, 1.0)], 100) == pytest.approx(1.5)
    assert average([], 100) is None


def test_the_smallest_k_that_is_as_good_is_recommended() -> None:
    assert recommended(np.array([1.0, 0.55, 0.5]), (1, 2, 5)) == 2
    assert recommended(np.array([0.5, 0.5, 0.5]), (1, 2, 5)) == 1
    draw = np.random.default_rng(2)
    base = draw.gamma(2.0, 0.1, 80)
    by_k = {1: base + 0.5 * (np.arange(80) < 40), 2: base, 5: base - 0.01}
    found = {k: observations(f"gist-{k}", values.tolist(), "reference") for k, values in by_k.items()}
    summary = summarise_choice({"family": found})
    assert summary.findings[0].text.startswith("k = 2 of 1, 2, 5 is the smallest")
    assert "in 95% of draws k is 2 to 2" in summary.findings[0].text
    few = {k: items[:20] for k, items in found.items()}
    assert summarise_choice({"family": few}).findings[0].state == "open"
    assert summary.rows[0].value == pytest.approx(50.0)
