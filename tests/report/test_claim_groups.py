"""Claims in groups: the sentence counts the claims behind it, and none is lost."""

from __future__ import annotations

from gisteval.report.claim_groups import claim_groups
from gisteval.report.claims import Claim, Findings

SHOWN, OPEN = Claim("a", "shown", "e"), Claim("b", "open", "e")


def test_every_claim_is_in_one_group_and_counted() -> None:
    found = Findings("s", (SHOWN, OPEN), (SHOWN, SHOWN, OPEN), (OPEN,), (OPEN,))
    groups = claim_groups(found)
    assert sorted(map(id, found.claims)) == sorted(id(claim) for group in groups for claim in group.claims)
    assert [group.shown for group in groups] == [1, 0, 2, 0]
    controls, judges, candidates, others = (group.sentence for group in groups)
    assert "in 1 of 2 comparisons" in controls and "nothing is said" in controls
    assert judges == "1 judge can't be relied on"
    assert candidates.startswith("2 of 3 claims about candidates")
    assert others.startswith("0 of 1 claim about k and costs")
    assert [group.is_open for group in groups] == [False, True, False, False], (
        "a doubt is never folded away"
    )


def test_controls_that_all_differ_are_one_sentence() -> None:
    (group,) = claim_groups(Findings("s", (SHOWN,) * 12, (), ()))
    assert (
        group.sentence
        == "The whole prompt beats no prompt in each of 12 comparisons: there is a scale to measure on"
    )


def test_a_single_control_and_claims_that_are_all_shown_need_no_count_of_others() -> None:
    control, candidates = claim_groups(Findings("s", (SHOWN,), (SHOWN, SHOWN), ()))
    assert control.sentence == "The whole prompt beats no prompt: there is a scale to measure on"
    assert candidates.sentence == "2 of 2 claims about candidates shown"
