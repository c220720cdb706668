"""What a judge will be asked, against the comparisons that are made."""

from __future__ import annotations

import pytest

from gisteval.config import RunConfig
from gisteval.judging.protocol import Matchup, comparisons
from gisteval.pipeline.judge.cost import judge_cost
from gisteval.pipeline.judge.options import JudgeOptions
from gisteval.pipeline.judge.prepared import prepare_judge
from gisteval.pipeline.run.plan import plan_run


@pytest.mark.parametrize("judge", ["openai", "chatgpt-2023"])
def test_a_paid_judge_is_asked_at_most_so_often(tiny_suite, tiny_task, judge: str) -> None:
    plan = plan_run(RunConfig(models=(str(tiny_suite),), task=str(tiny_task), judge=judge))
    prepared = prepare_judge(JudgeOptions(judge=judge))
    cost = judge_cost(plan, prepared)
    examples = {example.content_id: example for example in plan.examples["test"]}
    texts = {system.name: {pair: f"{system.name} {pair}" for pair in examples} for system in plan.systems}
    expected = 0
    for system, own in texts.items():
        control = plan.references[system]
        matchup = Matchup("tiny", "test", system, control, examples, own, texts[control])
        expected += sum(
            1 for _ in comparisons(matchup, "", prepared.judge.orders, prepared.judge.definition.again)
        )
    assert cost.looks == expected
    limit = {"openai": 400, "chatgpt-2023": 200}[judge]
    assert cost.completion_tokens_most == expected * limit
    # Each request holds the judge's own text, and a few hundred characters of the pair.
    own_tokens = (len(prepared.judge.system) + len(prepared.judge.prompt)) / 4
    assert own_tokens < cost.prompt_tokens / expected < own_tokens + 250
    assert prepared.price is not None
    assert cost.dollars_most == pytest.approx(
        (cost.prompt_tokens * prepared.price.input + cost.completion_tokens_most * prepared.price.output)
        / 1e6
    )
