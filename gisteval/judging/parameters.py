"""The parameters of a judge's requests: by model, by flag, and without those that a server refuses.

    judge.yaml's parameters  <-  its model_parameters  <-  --judge-param  <-  what the server refused

The result is what is sent, and part of the keys of the replies.
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
from gisteval.records.json_object import JsonValue

SCHEMA_FIELD = "response_format"
"""The field that makes the server keep replies to the judge's schema."""

LOCAL_PARAMETERS = ("max_new_tokens",)
"""The parameters of a judge in this process."""

LIMIT_ALIASES = {"max_completion_tokens": "max_tokens", "max_tokens": "max_completion_tokens"}
"""Both names of the limit of a reply, each with the other: a server may know only one of them."""

_SAYS_UNSUPPORTED = re.compile(
    r"un(?:supported|recogni[sz]ed|known|expected|available)|not (?:\w+ )?(?:supported|allowed|permitted|"
    r"known|recogni[sz]ed|accepted|available|offered|implemented)|(?:does not|doesn't|cannot|can't) "
    r"(?:support|accept|take|know|allow)|no such|extra (?:inputs|fields?)|takes no|instead",
    re.IGNORECASE,
)
"""How servers say that they do not support a field or its value."""


class ParameterRefused(GistevalError):
    """A server refuses a request because of one of its parameters.

    Attributes:
        name: The name of the parameter.
        reason: What the server says.
    """

    def __init__(self, name: str, reason: str) -> None:
        """Build the message from the parameter's name and the server's words."""
        super().__init__(
            f"the server refuses the judge's parameter {name} ({reason}): leave it out with "
            f"--judge-param {name}=, or give another value"
        )
        self.name, self.reason = name, reason


def parse_parameters(texts: Iterable[str]) -> dict[str, JsonValue]:
    """Parse `name=value` texts as --judge-param takes them.

    Returns:
        Values by name: parsed as JSON where that is possible, else the text. None stands for an empty
        value, which leaves the field out.

    Raises:
        GistevalError: A text has another form, or names a field that gisteval sets.
    """
    parameters: dict[str, JsonValue] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        name = name.strip()
        if not sign or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise GistevalError(f"--judge-param must be name=value, or name= to leave it out, not {text!r}")
        if name in RESERVED:
            raise GistevalError(f"--judge-param can't set {name}: gisteval sets it")
        if name == SCHEMA_FIELD and value:
            raise GistevalError(
                f"--judge-param can only leave {SCHEMA_FIELD} out ({SCHEMA_FIELD}=): for another schema, "
                "write a judge with its own reply_schema"
            )
        try:
            parameters[name] = json.loads(value, parse_constant=_refuse_constant) if value.strip() else None
        except ValueError:
            parameters[name] = value
    return parameters


def _refuse_constant(text: str) -> float:
    raise ValueError(text)


def with_parameters(judge: Judge, model: str, changes: Mapping[str, Any]) -> Judge:
    """Return the judge with the parameters that it sends to one model.

    Args:
        judge: The judge as its file defines it.
        model: The model's name.
        changes: Parameters from flags (see `parse_parameters`).

    Raises:
        GistevalError: The judge does not have such a parameter, or a limit is no length.
    """
    definition = judge.definition
    if not isinstance(definition, ChatDefinition):
        if changes:
            raise GistevalError(f"judge {judge.name} asks no model: leave out --judge-param")
        return judge
    if definition.kind == "local":
        _check_local_names(judge.name, changes)
    patterns = definition.model_parameters
    for_model = next((patterns[pattern] for pattern in patterns if fnmatchcase(model, pattern)), {})
    merged = {**definition.parameters, **for_model, **changes}
    schema = judge.reply_schema
    if SCHEMA_FIELD in merged and merged.pop(SCHEMA_FIELD) is None:
        schema = ""
    parameters = {name: value for name, value in merged.items() if value is not None}
    for name in (*LIMIT_ALIASES, *LOCAL_PARAMETERS):
        if name in changes or name in parameters:
            _check_limit(name, parameters.get(name), required=definition.kind == "local")
    definition = definition.model_copy(update={"parameters": parameters})
    return replace(judge, definition=definition, reply_schema=schema)


def _check_local_names(judge: str, names: Iterable[str]) -> None:
    for name in names:
        if name not in LOCAL_PARAMETERS:
            raise GistevalError(
                f"judge {judge} has no parameter {name}{did_you_mean(name, LOCAL_PARAMETERS)}: choose from "
                f"{', '.join(LOCAL_PARAMETERS)}"
            )


def _check_limit(name: str, limit: Any, required: bool) -> None:
    if limit is None and not required:
        return
    try:
        check_limit(name, limit)
    except ValueError as error:
        raise GistevalError(f"the judge's {error}") from error


def without_parameter(judge: Judge, name: str) -> Judge:
    """Return the judge without a parameter; a limit of the reply gets its other name instead.

    Raises:
        GistevalError: The judge has no such parameter.
    """
    definition = judge.definition
    assert isinstance(definition, ChatDefinition)
    if name == SCHEMA_FIELD and judge.reply_schema:
        return replace(judge, reply_schema="")
    if name not in definition.parameters:
        raise GistevalError(f"judge {judge.name} has no parameter {name}")
    parameters = {
        LIMIT_ALIASES.get(other, other) if other == name else other: value
        for other, value in definition.parameters.items()
        if other != name or name in LIMIT_ALIASES
    }
    return replace(judge, definition=definition.model_copy(update={"parameters": parameters}))


def refused_parameter(response: str, sent: Collection[str]) -> str | None:
    """Return the parameter that a server's refusal blames.

    The function reads OpenAI's `param`, the `loc` of a validation error, and a message that names one of
    the parameters and says that it is unknown or unsupported.

    Args:
        response: The body of a response with status 400 or 422.
        sent: The names of the parameters that were sent.

    Returns:
        The parameter's name, or None if the refusal blames no single one.
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
        # A limit that is too large for this prompt is still a parameter that the server knows.
        return name if name not in LIMIT_ALIASES or _SAYS_UNSUPPORTED.search(text) else None
    if not _SAYS_UNSUPPORTED.search(text):
        return None
    blamed = _located_names(error, sent) or [
        name for name in sent if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)
    ]
    return blamed[0] if len(blamed) == 1 else None


def _located_names(error: Any, sent: Collection[str]) -> list[str]:
    """Parameters that a list of validation errors points at."""
    details = error.get("detail") if isinstance(error, Mapping) else error
    if not isinstance(details, Sequence) or isinstance(details, str):
        return []
    locations = [item.get("loc") for item in details if isinstance(item, Mapping)]
    parts = [str(part) for location in locations if isinstance(location, Sequence) for part in location]
    return list(dict.fromkeys(part for part in parts if part in sent))
