"""A judge's label and identity, and what is wrong with it before anything is asked."""

from __future__ import annotations

import pytest

from gisteval.errors import GistevalError
from gisteval.pipeline.judge.options import JudgeOptions
from gisteval.pipeline.judge.prepared import prepare_judge

LOCAL = "http://127.0.0.1:9/v1"


def test_another_model_is_part_of_the_label_and_of_the_identity() -> None:
    plain = prepare_judge(JudgeOptions("openai", base_url=LOCAL))
    other = prepare_judge(JudgeOptions("openai", base_url=LOCAL, model="mine"))
    assert (plain.label, other.label) == ("openai", "openai:mine")
    elsewhere = prepare_judge(JudgeOptions("openai", base_url="http://127.0.0.1:8/v1"))
    slash = prepare_judge(JudgeOptions("openai", base_url=LOCAL + "/"))
    assert len({plain.identity, other.identity, elsewhere.identity}) == 3
    assert slash.identity == plain.identity


def test_what_does_not_change_an_answer_does_not_change_the_identity() -> None:
    plain = prepare_judge(JudgeOptions("openai", base_url=LOCAL))
    fast = JudgeOptions(
        "openai", base_url=LOCAL, concurrency=99, rate=5.0, retries=0, limit=3, max_cost=1.0
    )
    assert prepare_judge(fast).identity == plain.identity


def test_a_refused_parameter_is_as_if_a_flag_had_left_it_out() -> None:
    plain = prepare_judge(JudgeOptions("openai", base_url=LOCAL))
    refused = plain.without_refused("temperature", "status 400")
    by_flag = prepare_judge(JudgeOptions("openai", base_url=LOCAL, parameters=("temperature=",)))
    assert plain.parameter("temperature") == 0 and refused.parameter("temperature") is None
    assert refused.identity == by_flag.identity != plain.identity
    facts = refused.facts()
    assert facts.dropped["temperature"].value == 0
    assert facts.note.endswith("The server refuses the parameter temperature, so it was left out.")
    renamed = plain.without_refused("max_completion_tokens", "status 400")
    assert renamed.parameter("max_tokens") == 400
    assert renamed.facts().note.endswith("so it was sent as max_tokens.")
    with pytest.raises(GistevalError, match="has no parameter temperature"):
        refused.without_refused("temperature", "status 400")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"judge": "local"}, "needs a model: give --model"),
        ({"executor": "ray"}, "Ray workers can't speed up"),
        ({"max_cost": 1.0, "model": "mine"}, "has no price for the model 'mine'"),
        ({"max_cost": 1.0, "parameters": ("max_completion_tokens=",)}, "does not limit the length"),
        ({"concurrency": 0}, "--concurrency must be greater than 0"),
        ({"timeout": float("inf")}, "--timeout must be greater than 0 and finite"),
        ({"retries": -1}, "--retries must be at least 0"),
    ],
)
def test_what_can_be_wrong(changes: dict, message: str) -> None:
    with pytest.raises(GistevalError, match=message):
        prepare_judge(JudgeOptions(**{"judge": "openai", "base_url": LOCAL, **changes}))


def test_a_price_by_flag_comes_first() -> None:
    options = JudgeOptions("openai", base_url=LOCAL, model="mine", price=(1.0, 2.0), max_cost=1.0)
    price = prepare_judge(options).price
    assert price is not None and price.cost(1_000_000, 500_000) == 2.0
