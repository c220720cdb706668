"""Settings of a task: `needle:length=1024,depths=5` on the command line, in a file and in records.

The text is parsed once. A setting has a default in the task's file, whose kind a given value must have; one
that takes several has them separated by slashes, as in `length=256/1024`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from gisteval.errors import GistevalError, did_you_mean

Value = int | float | str
Values = Value | tuple[Value, ...]

_KINDS = {int: "a whole number", float: "a number", str: "a text"}


class Setting(BaseModel):
    """What a task file says of one setting.

    Attributes:
        default: Its value unless another is given.
        help: What it does, for `gisteval ls tasks`.
        least: The smallest number that makes sense.
        most: The largest one.
        choices: The texts to choose from; any if empty.
        several: Whether several values may be given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    default: Value
    help: str = ""
    least: float | None = None
    most: float | None = None
    choices: list[str] = []
    several: bool = False

    @model_validator(mode="after")
    def _default_fits(self) -> Self:
        for value in str(self.default).split("/") if self.several else [str(self.default)]:
            if self.default != "":
                self.read_one(value)
        return self

    def read(self, text: str) -> Values:
        """The value of a text. Raises ValueError saying what it must be."""
        if not self.several:
            return self.read_one(text)
        return tuple(self.read_one(part.strip()) for part in text.split("/"))

    def read_one(self, text: str) -> Value:
        """One value of a text. Raises ValueError saying what it must be."""
        value = self._number(text)
        if self.choices and value not in self.choices:
            raise ValueError(f"one of {', '.join(self.choices)}{did_you_mean(text, self.choices)}")
        return value

    def _number(self, text: str) -> Value:
        kind = type(self.default)
        # Several numbers are written in one text.
        if kind is str and self.several and self.least is not None:
            kind = int
        if kind is str:
            if text:
                return text
            raise ValueError("a text")
        ends = f"{'' if self.least is None else f' from {self.least:g}'}" + (
            "" if self.most is None else f" to {self.most:g}"
        )
        try:
            number = int(text) if kind is int else float(text)
        except ValueError as error:
            raise ValueError(f"{_KINDS[kind]}{ends}") from error
        low = -math.inf if self.least is None else self.least
        high = math.inf if self.most is None else self.most
        if not low <= number <= high:
            raise ValueError(f"{_KINDS[kind]}{ends}")
        return number


def split_task(text: str) -> tuple[str, dict[str, str]]:
    """A task's name and the settings given to it, "needle:length=1024" as "needle" and one setting.

    Raises:
        GistevalError: A part is no setting, or a setting is given twice.
    """
    name, colon, rest = text.partition(":")
    given: dict[str, str] = {}
    for part in rest.split(",") if colon else ():
        key, equals, value = (side.strip() for side in part.partition("="))
        if not (key and equals):
            raise GistevalError(
                f"task {text!r}: {part.strip()!r} is no setting, write {name}:setting=value"
            )
        if key in given:
            raise GistevalError(f"task {text!r}: setting {key!r} is given twice")
        given[key] = value
    return name, given


def read_settings(task: str, known: Mapping[str, Setting], given: Mapping[str, str]) -> dict[str, Values]:
    """All settings of a task with their values.

    Args:
        task: Its name, for messages.
        known: Its settings.
        given: The texts of those that are given.

    Raises:
        GistevalError: A setting is unknown, or its value makes no sense.
    """
    for key in given:
        if key not in known:
            choose = f"choose from {', '.join(known)}" if known else "it has none"
            raise GistevalError(f"task {task} has no setting {key!r}{did_you_mean(key, known)}: {choose}")
    values: dict[str, Values] = {}
    for key, setting in known.items():
        text = given.get(key, str(setting.default))
        try:
            values[key] = "" if key not in given and setting.default == "" else setting.read(text)
        except ValueError as error:
            raise GistevalError(f"task {task}: setting {key!r} must be {error}, not {text!r}") from error
    return values


def canonical(task: str, known: Mapping[str, Setting], values: Mapping[str, Values]) -> str:
    """A task with those of its settings that differ from the defaults, sorted, as records name it."""
    defaults = read_settings(task, known, {})
    changed = {key: value for key, value in sorted(values.items()) if value != defaults[key]}
    written = (f"{key}={_written(value)}" for key, value in changed.items())
    return f"{task}:{','.join(written)}" if changed else task


def _written(value: Values) -> str:
    return "/".join(map(str, value)) if isinstance(value, tuple) else str(value)
