"""What a judge will be asked in a run, before there are outputs: looks, tokens and dollars."""

from __future__ import annotations

from dataclasses import dataclass

from gisteval.judging.definition import ChatDefinition
from gisteval.judging.prompting import messages
from gisteval.judging.protocol import Contest, Look, orders_shown, sampled
from gisteval.pipeline.judge.bench import Bench
from gisteval.pipeline.run.plan import Plan
from gisteval.records.schema import Example

CHARACTERS_A_TOKEN = 4
"""English text and the tokenizers of current chat models, roughly."""

REPLY_LIMITS = ("max_completion_tokens", "max_tokens", "max_new_tokens")


@dataclass(frozen=True, slots=True)
class JudgeCost:
    """Looks at most, since equal outputs are ties without a call.

    prompt_tokens: a quarter of the characters, both answers as the reference. completion_tokens_most:
    what the judge's parameters allow, None without a limit. Both are 0 for a judge without a model.
    dollars_most: 0 for a judge without a server, None for one without a price or a limit.
    """

    judge: str
    looks: int
    prompt_tokens: int
    completion_tokens_most: int | None
    dollars_most: float | None


def judge_cost(plan: Plan, bench: Bench) -> JudgeCost:
    """Every system against its positive control, the second looks and the control against itself."""
    looks = characters = 0
    for split, examples in plan.examples.items():
        pairs = {example.content_id: example for example in examples}
        again = sampled(list(pairs), bench.judge.definition.again)
        sizes = {
            pair: _characters(bench, Contest(plan.task.name, split, "", "", {}, {}, {}), pair, example)
            for pair, example in pairs.items()
        }
        for system in plan.systems:
            own = () if plan.references[system.name] == system.name else pairs
            for pair in (*own, *again):
                orders = len(orders_shown(pair, bench.judge.orders))
                looks += orders
                characters += orders * sizes[pair]
    prompt, completion = characters // CHARACTERS_A_TOKEN, _completion(bench, looks)
    dollars = None if bench.endpoint else 0.0
    if bench.price is not None and completion is not None:
        dollars = bench.price.cost(prompt, completion)
    return JudgeCost(bench.label, looks, prompt, completion, dollars)


def _characters(bench: Bench, contest: Contest, pair: str, example: Example) -> int:
    """Of one request; 0 for a judge without a model."""
    if not isinstance(bench.judge.definition, ChatDefinition):
        return 0
    look = Look("", pair, contest, example, "ab", "main", example.output, example.output)
    talk = sum(len(message["content"]) for message in messages(bench.judge, look))
    return talk + len(bench.judge.reply_schema)


def _completion(bench: Bench, looks: int) -> int | None:
    definition = bench.judge.definition
    if not isinstance(definition, ChatDefinition):
        return 0
    limits = [definition.parameters[name] for name in REPLY_LIMITS if name in definition.parameters]
    return looks * int(min(limits)) if limits else None
