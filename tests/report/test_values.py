"""Values by example: the rows' own, and what their paired tests show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gisteval import stats
from gisteval.metrics import metric
from gisteval.report.budget import LEVEL, ORDERS
from gisteval.report.data import read_runs
from gisteval.report.samples import collect_samples
from gisteval.report.values import Values, groups, screened_test, values_of
from gisteval.scores.comparison import difference_p_value

N = 120


def test_the_mean_of_a_column_is_the_value_of_the_row(small_run) -> None:
    data = read_runs([small_run])
    values = values_of(collect_samples(data))
    compared = [row for row in data.rows if row.metric in ("rougeL", "win_rate")]
    assert {row.metric for row in compared} == {"rougeL", "win_rate"}
    for row in compared:
        column = values.columns[row.judge or "rougeL", row.system, row.split]
        assert np.mean(list(column.values())) == pytest.approx(row.value)
        assert len(column) == row.n
    assert values.judges == ("reference",)
    assert values.candidates == {"tiny-pos_control-1": ["tiny-gist-1", "tiny-gist-4"]}
    assert set(groups(data).values()) == {"tiny-pos_control-1"}


def test_a_missing_output_is_the_worst_value_and_a_loss(small_run) -> None:
    samples = collect_samples(read_runs([small_run]))
    place = ("tiny-gist-1", "seen")
    lost = samples.samples[3].example.content_id
    kept = tuple(
        replace(s, outputs={n: o for n, o in s.outputs.items() if n != place[0]})
        if s.example.content_id == lost
        else s
        for s in samples.samples
    )
    whole, found = (
        values_of(s) for s in (samples, replace(samples, samples=kept, without_output={place: {lost}}))
    )
    for name in ("rougeL", "reference"):
        expected = {**whole.columns[name, *place], lost: 0.0}
        assert found.columns[name, *place] == expected


def made(*right: int) -> Values:
    """Candidates a, b, ... of one control: the first so many of N examples are right."""
    names = "abcd"[: len(right)]
    columns = {
        ("exact_match", name, "s"): {f"{n}": 100.0 * (n < count) for n in range(N)}
        for name, count in zip(names, right, strict=True)
    }
    return Values(columns, {f"{n}": f"say {n}" for n in range(N)}, {}, {"pos": list(names)}, "exact_match")


def test_the_best_must_be_shown_to_be_better_than_every_other() -> None:
    assert made(100, 50, 48).clearly_best("exact_match", "abc", "s") == "a"
    assert made(48, 100, 50).clearly_best("exact_match", "abc", "s") == "b"
    assert made(50, 100, 98).clearly_best("exact_match", "abc", "s") is None
    assert made(50, 100, 98).clearly_best("exact_match", "ab", "s") == "b"
    assert made(100).clearly_best("exact_match", "a", "s") is None
    assert made(100, 50).clearly_best("exact_match", "ab", "another") is None


def test_differences_are_paired_tests_under_holm_with_their_share_of_the_level() -> None:
    values = made(70, 60, 58, 20)
    measured = metric("exact_match")
    raw = []
    for found in values.differences:
        ours, theirs, clusters = values.paired("exact_match", found.one, found.other, "s")
        assert found.value == pytest.approx(np.mean(ours) - np.mean(theirs))
        screened = (found.one, found.other) == ("b", "c")  # 2 of 120: not worth a test
        raw.append(1.0 if screened else difference_p_value(measured, ours - theirs, clusters))
    assert len(raw) == 6
    expected = [min(p / ORDERS, 1.0) for p in stats.holm(raw)]
    assert [found.p_value for found in values.differences] == pytest.approx(expected)


@pytest.mark.parametrize("name", ["rougeL", "nll"])
@pytest.mark.parametrize("n", [2, 6, 60, 300])
def test_what_is_screened_out_is_never_significant(name: str, n: int) -> None:
    """On differences of 0 to 4 standard errors."""
    draw = np.random.default_rng(n)
    clusters = [str(place) for place in range(n)]
    for errors in np.linspace(0.0, 4.0, 25):
        noise = draw.uniform(-30.0, 30.0, n)
        differences = noise - noise.mean() + errors * noise.std(ddof=1) / np.sqrt(n)
        mean, p_value = screened_test(metric(name), differences, clusters)
        full = difference_p_value(metric(name), differences, clusters)
        assert mean == pytest.approx(np.mean(differences))
        assert p_value == full or (p_value == 1.0 and full > LEVEL)
