"""What a judge will be asked in a run, before there are outputs: comparisons, tokens and dollars."""

from __future__ import annotations

from dataclasses import dataclass

from gisteval.judging.definition import TOKEN_LIMITS, ChatDefinition
from gisteval.judging.prompting import messages
from gisteval.judging.protocol import Comparison, Matchup, orders_shown, sample_pairs
from gisteval.pipeline.judge.prepared import PreparedJudge
from gisteval.pipeline.run.plan import Plan
from gisteval.records.schema import Example

CHARACTERS_PER_TOKEN = 4
"""Roughly, for English text and the tokenizers of current chat models."""


@dataclass(frozen=True, slots=True)
class JudgeCost:
    """An upper bound, since equal outputs are ties without a call.

    Attributes:
        judge: The name that the verdicts will bear.
        looks: Comparisons that the judge makes. The name is a key of the JSON output.
        prompt_tokens: Tokens of the requests: a quarter of the characters, if both answers are as long as
            the reference. 0 for a judge without a model.
        completion_tokens_most: Tokens of the replies that the judge's parameters allow; None if they set no
            limit, 0 for a judge without a model.
        dollars_most: The most that they cost; None without a price or a limit, 0 for a judge without a
            server.
    """

    judge: str
    looks: int
    prompt_tokens: int
    completion_tokens_most: int | None
    dollars_most: float | None


def judge_cost(plan: Plan, prepared: PreparedJudge) -> JudgeCost:
    """Bound the cost of judging every system, with repeats and the control against itself."""
    comparisons = characters = 0
    for split, examples in plan.answers.items():
        pairs = {example.answer_id: example for example in examples}
        repeated = sample_pairs(list(pairs), prepared.judge.definition.again)
        matchup = Matchup(plan.task.name, split, "", "", {}, {}, {})
        sizes = {pair: _characters(prepared, matchup, pair, example) for pair, example in pairs.items()}
        for system in plan.systems:
            main = () if plan.references[system.name] == system.name else pairs
            for pair in (*main, *repeated):
                orders = len(orders_shown(pair, prepared.judge.orders))
                comparisons += orders
                characters += orders * sizes[pair]
    prompt, completion = characters // CHARACTERS_PER_TOKEN, _completion_tokens(prepared, comparisons)
    dollars = None if prepared.endpoint else 0.0
    if prepared.price is not None and completion is not None:
        dollars = prepared.price.cost(prompt, completion)
    return JudgeCost(prepared.label, comparisons, prompt, completion, dollars)


def _characters(prepared: PreparedJudge, matchup: Matchup, pair: str, example: Example) -> int:
    """Characters of one request; 0 for a judge without a model."""
    if not isinstance(prepared.judge.definition, ChatDefinition):
        return 0
    comparison = Comparison("", pair, matchup, example, "ab", "main", example.output, example.output)
    conversation = messages(prepared.judge, comparison)
    return sum(len(message["content"]) for message in conversation) + len(prepared.judge.reply_schema)


def _completion_tokens(prepared: PreparedJudge, comparisons: int) -> int | None:
    definition = prepared.judge.definition
    if not isinstance(definition, ChatDefinition):
        return 0
    limits = [definition.parameters[name] for name in TOKEN_LIMITS if name in definition.parameters]
    return comparisons * int(min(limits)) if limits else None
