"""The fields of a judge's requests: by model, by flag, and what servers say of those they do not take."""

from __future__ import annotations

import json

import pytest

from gisteval.errors import GistevalError
from gisteval.judging.definition import load_judge
from gisteval.judging.parameters import (
    parse_parameters,
    refused_parameter,
    with_parameters,
    without_parameter,
)

JUDGE = load_judge("openai")
SENT = {"temperature", "reasoning_effort", "max_completion_tokens", "response_format"}


def sent(model: str, *flags: str) -> dict:
    return with_parameters(JUDGE, model, parse_parameters(flags)).definition.parameters


def test_the_judges_own_model_is_asked_as_before() -> None:
    """The digest is in the keys of verdicts, which must not move; this one was made before parameters
    could differ by model."""
    assert with_parameters(JUDGE, "gpt-5.4-mini", {}).prompt_digest() == JUDGE.prompt_digest()
    assert JUDGE.prompt_digest() == "c5e375ff8a6201cf088ca35c674b4493"


@pytest.mark.parametrize("model", sorted(JUDGE.definition.prices.models))
def test_every_priced_model_gets_what_its_vendor_documents(model: str) -> None:
    parameters = sent(model)
    if model.startswith("gpt-4"):  # none of them reasons
        assert parameters == {"temperature": 0, "max_completion_tokens": 400}
    elif model.startswith("gpt-5-"):  # always reasons: the default temperature only, no effort "none"
        assert parameters == {"reasoning_effort": "minimal", "max_completion_tokens": 1600}
    else:
        assert parameters == {"temperature": 0, "reasoning_effort": "none", "max_completion_tokens": 400}


def test_flags_come_last() -> None:
    assert sent("gpt-4o-mini", "reasoning_effort=low", "seed=7", "temperature=")["seed"] == 7
    assert sent("m", "temperature=", "reasoning_effort=", "top_p=0.5", "user=me") == {
        "max_completion_tokens": 400,
        "top_p": 0.5,
        "user": "me",
    }
    assert sent("m", 'stop=["a=b", 1]')["stop"] == ["a=b", 1]
    assert with_parameters(JUDGE, "m", {"response_format": None}).reply_schema == ""
    assert JUDGE.definition.parameters["temperature"] == 0  # nothing is changed in place


@pytest.mark.parametrize(
    "text", ["temperature", "=1", "a b=1", "model=x", "messages=[]", "response_format=x"]
)
def test_what_is_no_parameter(text: str) -> None:
    with pytest.raises(GistevalError, match="--judge-param"):
        parse_parameters([text])


def test_numbers_that_json_does_not_know_are_text() -> None:
    assert parse_parameters(["a=NaN", "b=none", "c=null"]) == {"a": "NaN", "b": "none", "c": None}


def test_each_parameter_changes_the_digest() -> None:
    changed = {
        with_parameters(JUDGE, "m", parse_parameters(given)).prompt_digest()
        for given in ([], ["temperature="], ["temperature=1"], ["seed=1"], ["response_format="])
    }
    assert len(changed) == 5
    same = with_parameters(JUDGE, "m", {"reasoning_effort": None})
    assert without_parameter(JUDGE, "reasoning_effort").prompt_digest() == same.prompt_digest()


def error(message: str, param: str | None = None, code: str | None = None) -> str:
    return json.dumps({"error": {"message": message, "param": param, "code": code, "type": "bad"}})


@pytest.mark.parametrize(
    ("response", "name"),
    [
        (error("only the default is offered", "temperature", "unsupported_value"), "temperature"),
        (error("reasoning_effort is not known here", "reasoning_effort"), "reasoning_effort"),
        (error("Unrecognized request argument supplied: reasoning_effort"), "reasoning_effort"),
        (error("no such response_format"), "response_format"),
        (error("bad", "response_format.json_schema"), "response_format"),
        (
            error(
                "'max_completion_tokens' is not supported, use 'max_tokens' instead",
                "max_completion_tokens",
            ),
            "max_completion_tokens",
        ),
        (
            json.dumps(
                {"detail": [{"loc": ["body", "temperature"], "msg": "Extra inputs are not permitted"}]}
            ),
            "temperature",
        ),
        ('{"message": "temperature: unsupported"}', "temperature"),
        ("temperature is not supported by this engine", "temperature"),
        (error("blocked by a content policy", "prompt", "content_filter"), None),
        (error("900 tokens do not fit into 512", "messages", "context_length_exceeded"), None),
        (error("8000 tokens and max_completion_tokens do not fit", "max_completion_tokens"), None),
        (error("the prompt speaks of temperature"), None),
        (error("temperature and reasoning_effort are not supported"), None),
        (error("unsupported"), None),
        ("[]", None),
        ("{" * 100_000, None),
        ("", None),
    ],
)
def test_the_field_that_a_refusal_names(response: str, name: str | None) -> None:
    assert refused_parameter(response, SENT) == name


def test_a_limit_goes_by_its_other_name() -> None:
    assert without_parameter(JUDGE, "max_completion_tokens").definition.parameters["max_tokens"] == 400
    assert (
        "max_completion_tokens"
        not in without_parameter(JUDGE, "max_completion_tokens").definition.parameters
    )
    assert without_parameter(JUDGE, "response_format").reply_schema == ""
    with pytest.raises(GistevalError, match="has no parameter top_p"):
        without_parameter(JUDGE, "top_p")
