"""Judges on workers answer what they would answer here. Whole clusters are tested in tests/executors."""

from __future__ import annotations

from gisteval.judging.protocol import Comparison, Matchup, comparisons
from gisteval.judging.reference import reference_reply
from gisteval.judging.replies import Failure, Reply
from gisteval.pipeline.judge.on_ray import ReferenceJudge, _texts, ask_ray
from gisteval.pipeline.judge.options import JudgeOptions
from gisteval.pipeline.judge.prepared import prepare_judge
from gisteval.records.schema import Example


def test_a_worker_s_reference_judge_replies_as_the_one_here() -> None:
    examples = [Example(str(n), "t", "s", "say", "", f"the ref {n}") for n in range(4)]
    by_id = {example.content_id: example for example in examples}
    ours = {pair: "the " + "ref " * number for number, pair in enumerate(by_id)}
    theirs = {pair: f"ref {number}" for number, pair in enumerate(by_id)}
    found = list(comparisons(Matchup("t", "s", "a", "b", by_id, ours, theirs), "j", "both", 0))
    replies = ReferenceJudge()([_texts(comparison) for comparison in found])
    assert [reply.text for reply in replies] == [reference_reply(comparison) for comparison in found]
    assert len({reply.text for reply in replies}) > 1


def test_without_a_comparison_no_cluster_is_looked_for() -> None:
    """The address is one where nobody answers."""
    options = JudgeOptions("reference", executor="ray", ray_address="192.0.2.1:1", num_workers=1)
    answers: list[tuple[Comparison, Reply | Failure]] = []
    ask_ray(prepare_judge(options), iter(()), lambda *answer: answers.append(answer))
    assert answers == []
