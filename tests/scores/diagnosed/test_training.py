"""Health of a training, from its losses."""

from __future__ import annotations

import math

import pytest
from scipy.stats import ttest_1samp

from gisteval.scores.diagnosed.training import Training, average, compare_seeds, summarise_training

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


@pytest.mark.parametrize(
    ("entropies", "state", "ending"),
    [((1.0, 2.5, 2.4), "ok", "their norm at 0.30"), ((1.0, 2.5, 1.2), "warning", "early sign of collapse")],
)
def test_gists_that_become_alike_are_warned_of(entropies: tuple, state: str, ending: str) -> None:
    looked = [
        (step, step / 5000, entropy) for step, entropy in zip((500, 1000, 1500), entropies, strict=True)
    ]
    summary = summarise_training([Training("gist-1", CURVE, "pos", POSITIVE, NEGATIVE, looked)])
    assert summary.findings[1].state == state and summary.findings[1].text.endswith(ending)
    shown = {row.where: row.value for row in summary.rows if row.metric == "gist_entropy"}
    steps = ("25%", "50%", "75%", "100%")
    expected = dict(zip(steps, (*entropies, entropies[-1]), strict=True))
    assert shown == {f"{share} of the steps": entropy for share, entropy in expected.items()}


def seeds(gaps: list[float], controls: int) -> list[Training]:
    """Trainings of one recipe whose losses end so far above the control's, of which there are so many."""
    return [
        Training(
            f"s{seed}-gist-1",
            [(step, loss + gap) for step, loss in POSITIVE],
            f"s{seed % controls}-pos",
            POSITIVE,
            NEGATIVE,
            recipe="r",
            seed=seed,
            positive_seed=seed % controls,
        )
        for seed, gap in enumerate(gaps)
    ]


@pytest.mark.parametrize(
    ("gaps", "controls", "state", "ending"),
    [
        ([0.20, 0.21, 0.19], 3, "note", ": above the control"),
        ([-0.20, -0.21, -0.19], 3, "note", ": below the control"),
        ([0.20, -0.21, 0.19], 3, "open", "no order is shown"),
        ([0.20, 0.21], 2, "open", "an order takes 3 seeds of each, and there are 2 of the control"),
        ([0.20, 0.21, 0.19], 1, "open", "an order takes 3 seeds of each, and there are 1 of the control"),
    ],
)
def test_an_order_is_claimed_from_three_seeds_alone(
    gaps: list[float], controls: int, state: str, ending: str
) -> None:
    (finding,) = compare_seeds(seeds(gaps, controls))
    assert finding.state == state and finding.text.endswith(ending)
    if len(gaps) == controls == 3:
        low, high = ttest_1samp(gaps, 0.0).confidence_interval(0.95)
        assert f"[{low:+.3f}, {high:+.3f}]" in finding.text


def test_one_seed_and_other_recipes_are_not_compared() -> None:
    assert compare_seeds(seeds([0.2], 1)) == []
    unlike = [
        Training("a", CURVE, "pos", POSITIVE, NEGATIVE, recipe=name, seed=n) for n, name in enumerate("ab")
    ]
    assert compare_seeds(unlike) == []


def test_equal_gaps_are_no_certainty() -> None:
    (finding,) = compare_seeds(seeds([0.25, 0.25, 0.25], 3))
    assert finding.state == "open"
