"""Which comparisons are made, in which order, and what gives two of them one key."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from gisteval.judging.protocol import Matchup, comparisons, orders_shown, sample_pairs
from gisteval.records.schema import Example

EXAMPLES = tuple(Example(str(n), "t", "s", f"say {n}", "x", f"ref {n}") for n in range(40))
OURS = {example.content_id: f"ours {example.id}" for example in EXAMPLES}
THEIRS = {example.content_id: f"theirs {example.id}" for example in EXAMPLES}
MATCHUP = Matchup("t", "s", "gist", "pos", {e.content_id: e for e in EXAMPLES}, OURS, THEIRS)


def test_both_orders_then_a_share_again() -> None:
    all_comparisons = list(comparisons(MATCHUP, "j", "both", 0.5))
    assert Counter((comparison.purpose, comparison.order) for comparison in all_comparisons) == {
        ("main", "ab"): 40,
        ("main", "ba"): 40,
        ("again", "ab"): 20,
        ("again", "ba"): 20,
    }
    assert len({comparison.key for comparison in all_comparisons}) == len(all_comparisons)


def test_equal_outputs_are_marked_and_never_asked_again() -> None:
    matchup = replace(MATCHUP, ours={pair: f" {text}\n" for pair, text in THEIRS.items()})
    all_comparisons = list(comparisons(matchup, "j", "both", 1.0))
    assert all(comparison.equal and comparison.purpose == "main" for comparison in all_comparisons)
    assert not any(comparison.equal for comparison in comparisons(MATCHUP, "j", "both", 1.0))


def test_the_control_against_itself_is_sampled_and_asked() -> None:
    matchup = replace(MATCHUP, system="pos", ours=THEIRS)
    assert {comparison.purpose for comparison in comparisons(matchup, "j", "both", 0.05)} == {"aa"}
    assert len(list(comparisons(matchup, "j", "both", 0.05))) == 20
    assert not list(comparisons(matchup, "j", "both", 0.0))


def test_the_seeded_order_is_a_fair_coin_of_the_content_alone() -> None:
    drawn = [orders_shown(pair, "seeded")[0] for pair in OURS]
    assert 8 < drawn.count("ab") < 32
    other = replace(MATCHUP, system="gist-2", ours={pair: "other" for pair in OURS})
    assert [comparison.order for comparison in comparisons(other, "x", "seeded", 0)] == drawn
    assert [comparison.order for comparison in comparisons(MATCHUP, "j", "one", 0)] == ["ab"] * 40


def test_samples_do_not_depend_on_the_order_of_the_examples() -> None:
    pairs = list(OURS)
    chosen = sample_pairs(pairs, 0.3)
    assert len(chosen) == 12 and set(sample_pairs(pairs[::-1], 0.3)) == set(chosen)
    assert len(sample_pairs(pairs, 0.01)) == 10
    assert sample_pairs(pairs[:4], 0.5) == pairs[:4]


def test_examples_without_both_outputs_are_left_out() -> None:
    some = {pair: OURS[pair] for pair in list(OURS)[:5]}
    assert len(list(comparisons(replace(MATCHUP, ours=some), "j", "both", 0))) == 10


@pytest.mark.parametrize(
    "change",
    [
        {"identity": "k"},
        {"ours": {pair: text + "!" for pair, text in OURS.items()}},
        {"theirs": {pair: text + "!" for pair, text in THEIRS.items()}},
        {"ours": THEIRS, "theirs": OURS},
        {"example": replace(EXAMPLES[0], instruction="other")},
    ],
)
def test_whatever_changes_the_answer_changes_the_key(change: dict) -> None:
    identity = change.pop("identity", "j")
    if "example" in change:
        example = change.pop("example")
        pair = example.content_id
        change = {"examples": {pair: example}, "ours": {pair: "ours 0"}, "theirs": {pair: "theirs 0"}}
    matchup = replace(MATCHUP, **change)
    before = {comparison.key for comparison in comparisons(MATCHUP, "j", "both", 0.5)}
    after = {comparison.key for comparison in comparisons(matchup, identity, "both", 0.5)}
    assert after and not before & after


def test_names_do_not_change_the_key_so_replies_are_shared() -> None:
    other = replace(MATCHUP, task="u", split="v", system="w", reference="z")
    assert [comparison.key for comparison in comparisons(other, "j", "both", 0)] == [
        comparison.key for comparison in comparisons(MATCHUP, "j", "both", 0)
    ]
