"""Fields of a judge's requests: by model, by flag, and without those that a server does not take.

    judge.yaml's parameters  <-  its model_parameters  <-  --judge-param  <-  what the server refused

What is left is what is sent, and what the keys of the replies rest on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from gisteval.errors import GistevalError, did_you_mean
from gisteval.judging.definition import RESERVED, ChatDefinition, Judge, check_limit

SCHEMA = "response_format"
"""The field that binds a reply to the judge's schema."""

LOCAL = ("max_new_tokens",)
"""Parameters of a judge in this process."""

LIMITS = {"max_completion_tokens": "max_tokens", "max_tokens": "max_completion_tokens"}
"""The longest reply, by the name of today and by the old one: a server may know one of them only."""

_UNKNOWN = re.compile(
    r"un(?:supported|recogni[sz]ed|known|expected|available)|not (?:\w+ )?(?:supported|allowed|permitted|"
    r"known|recogni[sz]ed|accepted|available|offered|implemented)|(?:does not|doesn't|cannot|can't) "
    r"(?:support|accept|take|know|allow)|no such|extra (?:inputs|fields?)|takes no|instead",
    re.IGNORECASE,
)
"""How servers say that a field, or its value, is not for them."""


class ParameterRefused(GistevalError):
    """A server takes a request only without one of its parameters. name: of the field; reason: why."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(
            f"the server does not take the judge's parameter {name} ({reason}): leave it out with "
            f"--judge-param {name}= or give another value"
        )
        self.name, self.reason = name, reason


def given_parameters(texts: Iterable[str]) -> dict[str, Any]:
    """`name=value` as flags give it: a JSON value, else text; None for an empty one, which drops the field.

    Raises GistevalError for anything else.
    """
    found: dict[str, Any] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        name = name.strip()
        if not sign or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise GistevalError(f"--judge-param must be name=value, or name= to leave it out, not {text!r}")
        if name in RESERVED:
            raise GistevalError(f"--judge-param can't set {name}: gisteval chooses it")
        if name == SCHEMA and value:
            raise GistevalError(
                f"--judge-param can only leave {SCHEMA} out ({SCHEMA}=): another schema is the "
                "reply_schema of a judge of your own"
            )
        try:
            found[name] = json.loads(value, parse_constant=_no_number) if value.strip() else None
        except ValueError:
            found[name] = value
    return found


def _no_number(text: str) -> float:
    raise ValueError(text)


def with_parameters(judge: Judge, model: str, given: Mapping[str, Any]) -> Judge:
    """The judge as it asks one model. given: by flag; None leaves a field out.

    Raises GistevalError for a field that a judge in this process has not.
    """
    definition = judge.definition
    if not isinstance(definition, ChatDefinition):
        if given:
            raise GistevalError(f"judge {judge.name} asks no model: leave --judge-param out")
        return judge
    if definition.kind == "local":
        wrong = next((name for name in given if name not in LOCAL), None)
        if wrong is not None:
            raise GistevalError(
                f"judge {judge.name} has no parameter {wrong}{did_you_mean(wrong, LOCAL)}: choose from "
                f"{', '.join(LOCAL)}"
            )
    own = next(
        (found for name, found in definition.model_parameters.items() if fnmatchcase(model, name)), {}
    )
    merged = {**definition.parameters, **own, **given}
    schema = judge.reply_schema
    if SCHEMA in merged and merged.pop(SCHEMA) is None:
        schema = ""
    kept = {name: value for name, value in merged.items() if value is not None}
    for name in (*LIMITS, *LOCAL):
        if name in given or name in kept:
            _check_limit(name, kept.get(name), needed=definition.kind == "local")
    definition = definition.model_copy(update={"parameters": kept})
    return replace(judge, definition=definition, reply_schema=schema)


def _check_limit(name: str, limit: Any, needed: bool) -> None:
    """Raises GistevalError for what is no length; None is no limit, unless one is needed."""
    if limit is None and not needed:
        return
    try:
        check_limit(name, limit)
    except ValueError as error:
        raise GistevalError(f"the judge's {error}") from error


def without(judge: Judge, name: str) -> Judge:
    """The judge without a field; a limit of the reply goes by its other name.

    Raises GistevalError if it has no such field.
    """
    definition = judge.definition
    assert isinstance(definition, ChatDefinition)
    if name == SCHEMA and judge.reply_schema:
        return replace(judge, reply_schema="")
    if name not in definition.parameters:
        raise GistevalError(f"judge {judge.name} has no parameter {name}")
    kept = {
        LIMITS.get(other, other) if other == name else other: value
        for other, value in definition.parameters.items()
        if other != name or name in LIMITS
    }
    return replace(judge, definition=definition.model_copy(update={"parameters": kept}))


def refused_parameter(response: str, sent: Collection[str]) -> str | None:
    """The field of a request that a server's refusal (status 400 or 422) names as none for it, or None.

    Read are OpenAI's `param`, the `loc` of a validation error, and a message that names one field sent and
    says that it is unknown or unsupported.
    """
    try:
        content = json.loads(response)
    except (ValueError, RecursionError):
        content = response[:2000]
    error = content.get("error", content) if isinstance(content, Mapping) else content
    param = error.get("param") if isinstance(error, Mapping) else None
    text = json.dumps(error, ensure_ascii=False)[:4000]
    if isinstance(param, str) and param.partition(".")[0] in sent:
        name = param.partition(".")[0]
        # A limit that is too large for this prompt is no limit that the server does not know.
        return name if name not in LIMITS or _UNKNOWN.search(text) else None
    if not _UNKNOWN.search(text):
        return None
    named = _located(error, sent) or [
        name for name in sent if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)
    ]
    if len(named) == 2 and set(named) == set(LIMITS):
        return None
    return named[0] if len(named) == 1 else None


def _located(error: Any, sent: Collection[str]) -> list[str]:
    """Fields that a list of validation errors points at."""
    details = error.get("detail") if isinstance(error, Mapping) else error
    if not isinstance(details, Sequence) or isinstance(details, str):
        return []
    places = [item.get("loc") for item in details if isinstance(item, Mapping)]
    words = [str(word) for place in places if isinstance(place, Sequence) for word in place]
    return list(dict.fromkeys(word for word in words if word in sent))
