"""Win rates corrected by people's labels: whose labels count, and where there is nothing to correct."""

from __future__ import annotations

import random

import pytest

from gisteval.judging.corrected import correct, corrected_entries, human_labels, stratum
from gisteval.judging.pairs import PairScore
from gisteval.judging.protocol import Matchup
from gisteval.records.schema import Example

N = 400
EXAMPLES = {e.content_id: e for e in (Example(str(n), "t", "s", f"say {n}", "", "r") for n in range(N))}
NAMES = list(EXAMPLES)


def score(value: float | None) -> PairScore:
    return PairScore(value, {"ab": value})


def matchup(system: str = "gist", lost: int = 0) -> Matchup:
    ours = {name: f"{system} {n}" for n, name in enumerate(NAMES) if n >= lost}
    theirs = {name: f"pos {n}" for n, name in enumerate(NAMES)}
    return Matchup("t", "s", system, "pos", EXAMPLES, ours, theirs)


def biased(rate: float, seed: int) -> dict[str, dict[str, PairScore]]:
    """Truth is a win in so many pairs; the judge calls a third of the losses wins; 100 have a label."""
    draw = random.Random(seed)
    truth = {name: float(draw.random() < rate) for name in NAMES}
    judged = {name: score(1.0 if value or draw.random() < 1 / 3 else 0.0) for name, value in truth.items()}
    labelled = {name: score(truth[name]) for name in draw.sample(NAMES, 100)}
    return {"j": judged, "human:ann": labelled}


def test_a_judge_that_flatters_is_corrected_to_what_people_say() -> None:
    found = [correct(matchup(), "j", biased(0.4, seed)) for seed in range(20)]
    mean = sum(one.found.estimate.value for one in found) / 20
    assert mean == pytest.approx(40.0, abs=2.5)
    assert sum(one.found.bias for one in found) / 20 == pytest.approx(20.0, abs=2.5)
    assert sum(one.plain.value for one in found) / 20 == pytest.approx(40.0, abs=3.0)
    inside = sum(one.found.estimate.ci_low <= 40.0 <= one.found.estimate.ci_high for one in found)
    assert inside >= 18 and {one.found.labelled for one in found} == {100}


def test_labels_are_means_over_the_annotators_that_answered() -> None:
    scores = {
        "human:a": {"p": score(1.0), "q": score(None)},
        "human:b": {"p": score(0.5), "q": score(0.0), "r": score(None)},
        "j": {"p": score(0.0), "r": score(1.0)},
    }
    assert human_labels(scores) == {"p": 75.0, "q": 0.0}


def test_a_judge_is_unsure_of_ties_and_of_pairs_that_it_turns_round() -> None:
    turned = PairScore(0.5, {"ab": 1.0, "ba": 0.0})
    known = [score(1.0), score(0.0), score(0.5), turned, score(None), None]
    assert [stratum(one) for one in known] == ["clear", "clear", *["contested"] * 4]


def test_an_output_that_is_missing_is_a_loss() -> None:
    scores = biased(0.4, 0)
    whole, half = correct(matchup(), "j", scores), correct(matchup(lost=N // 2), "j", scores)
    assert half.found.estimate.n == N
    assert half.found.estimate.value == pytest.approx(whole.found.estimate.value / 2, abs=6.0)


def test_without_labels_or_with_pairs_left_out_nothing_is_corrected() -> None:
    scores = biased(0.4, 0)
    assert correct(matchup(), "j", {"j": scores["j"]}) is None
    few = {name: scores["j"][name] for name in NAMES[1:]}
    assert correct(matchup(), "j", {**scores, "j": few}) is None
    one_label = {name: scores["human:ann"][name] for name in list(scores["human:ann"])[:1]}
    assert correct(matchup(), "j", {**scores, "human:ann": one_label}) is None


def test_retention_is_of_the_gap_between_the_controls() -> None:
    upper, lower = (correct(matchup(s), "j", biased(r, 1)) for s, r in (("gist", 0.4), ("neg", 0.1)))
    first, second = corrected_entries([upper, lower], {"gist": "neg", "neg": "neg"})
    rates = first.win_rate.value, second.win_rate.value
    assert first.retention.value == pytest.approx(100 * (rates[0] - rates[1]) / (50.0 - rates[1]))
    assert second.retention is None and corrected_entries([upper], {"gist": "neg"})[0].retention is None
