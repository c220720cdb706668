"""Options described once: the metadata of a dataclass's fields.

The command line, configuration files, their JSON schema and the documentation are all made from it.

    @dataclass(frozen=True, slots=True)
    class Settings:
        limit: int | None = option(None, "Use only the first N examples.", Panel.TASK, least=1)
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from gisteval.errors import GistevalError, did_you_mean


class Panel(StrEnum):
    """Groups of options, in the order in which help pages and documents show them."""

    MODELS = "Models"
    TASK = "Task"
    COMPRESSION = "Compression"
    DECODING = "Decoding"
    MEASUREMENT = "Measurement"
    TRAINING = "Training"
    JUDGE = "Judge"
    SERVER = "Judge server"
    HARDWARE = "Hardware"
    WORKERS = "Ray workers"
    OUTPUT = "Output"
    ESTIMATE = "Estimate"
    PRICES = "Prices"


def at_commas(text: str) -> list[str]:
    """The values in a comma-separated text."""
    return text.split(",")


def as_one(text: str) -> list[str]:
    """The text as a single value, which may hold commas: a path."""
    return [text]


@dataclass(frozen=True, slots=True)
class Option:
    """What is said of one field.

    Attributes:
        help: Sentences that a newcomer understands.
        panel: The group that the option is shown in.
        flag: Name on the command line, without dashes, where it is not the field's own. A configuration
            file may use it as well.
        more_flags: Further names on the command line.
        file_only: Whether there is no such option on the command line.
        command_only: Whether no file may set it, since a file may be somebody else's.
        metavar: What stands for the value in help texts. Default: the choices.
        choices: All allowed values, where they are few.
        least: The smallest allowed number.
        most: The largest allowed number, also of each of several.
        unset: What happens where the option is not given, if the default does not say so by itself.
        split: Cuts one text into several values, for a field of several. Default: at commas.
        takes_numbers: Whether a whole number may be given for the text that it is written as.
        parse: Makes the value of a text. It raises GistevalError for a text that is none.
    """

    help: str
    panel: Panel
    flag: str = ""
    more_flags: tuple[str, ...] = ()
    file_only: bool = False
    command_only: bool = False
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    unset: str = ""
    split: Callable[[str], list[str]] = at_commas
    takes_numbers: bool = False
    parse: Callable[[str], Any] | None = None


@dataclass(frozen=True, slots=True)
class Described:
    """A field and what is said of it. kind: the type of a value; several: whether it has a list of them."""

    name: str
    kind: type
    several: bool
    default: Any
    option: Option

    @property
    def flag(self) -> str:
        """The name on the command line, without the leading dashes."""
        return self.option.flag or self.name.replace("_", "-")

    @property
    def metavar(self) -> str | None:
        """What stands for the value in help texts."""
        return self.option.metavar or "|".join(self.option.choices) or None

    @property
    def help(self) -> str:
        """The meaning, and the values where they are few and do not stand in the metavar."""
        if self.option.metavar and self.option.choices:
            return f"{self.option.help} One of {', '.join(self.option.choices)}."
        return self.option.help

    @property
    def unset(self) -> str:
        """The default in words; empty where there is nothing to say."""
        if self.option.unset:
            return self.option.unset
        if self.default is None or self.default is False:
            return ""
        values = self.default if isinstance(self.default, tuple) else (self.default,)
        return ",".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values)


def option(default: Any, help: str, panel: Panel, **details: Any) -> Any:
    """A dataclass field that is an option. details: the further attributes of `Option`."""
    return field(default=default, metadata={"option": Option(help, panel, **details)})


def same_as(kind: type, name: str, **changes: Any) -> Any:
    """A field with the option of another dataclass's field, which two commands share.

    Args:
        kind: The other dataclass.
        name: Its field.
        changes: Another default, or other attributes of `Option`.
    """
    shared = described(kind)[name]
    default = changes.pop("default", shared.default)
    return field(default=default, metadata={"option": replace(shared.option, **changes)})


@cache
def described(kind: type) -> Mapping[str, Described]:
    """The fields of a dataclass that are options, by name and in the order of the class."""
    hints = get_type_hints(kind)
    found = {}
    for item in fields(kind):
        if "option" in item.metadata:
            value, several = _value_type(hints[item.name])
            found[item.name] = Described(item.name, value, several, item.default, item.metadata["option"])
    return found


def _value_type(hint: Any) -> tuple[type, bool]:
    """`int | None` is one int, `tuple[str, ...]` are several texts."""
    if get_origin(hint) in (Union, UnionType):
        (hint,) = (part for part in get_args(hint) if part is not type(None))
    if get_origin(hint) is tuple:
        return get_args(hint)[0], True
    return hint, False


def check_bounds(options: object, flag: str = "") -> None:
    """Raise GistevalError for a number that its option does not allow. flag: what names begin with."""
    kind: type = type(options)
    for name, item in described(kind).items():
        given, least, most = getattr(options, name), item.option.least, item.option.most
        for value in given if isinstance(given, tuple) else (given,):
            if least is not None and value is not None and value < least:
                raise GistevalError(f"{flag}{item.flag} must be at least {least:g}, not {value}")
            if most is not None and value is not None and value > most:
                raise GistevalError(f"{flag}{item.flag} must be at most {most:,}, not {value}")


def check_choices(options: object) -> None:
    """Raise GistevalError for a value that is none of its option's choices."""
    kind: type = type(options)
    for name, item in described(kind).items():
        value, choices = getattr(options, name), item.option.choices
        for one in value if isinstance(value, tuple) else (value,):
            if choices and one is not None and one not in choices:
                raise GistevalError(f"{item.flag} {one!r} is unknown: choose {', '.join(choices)}")


def json_schema(kind: type) -> dict[str, Any]:
    """The JSON schema of a YAML file that holds a dataclass's options."""
    properties = {}
    for item in described(kind).values():
        if item.option.command_only:
            continue
        for name in dict.fromkeys((item.flag.replace("-", "_"), item.name)):
            properties[name] = {"description": item.help, **_value_schema(item)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
    }


def _value_schema(item: Described) -> dict[str, Any]:
    names = {int: "integer", float: "number", bool: "boolean"}
    kinds = [names.get(item.kind, "string")] + ["integer"] * item.option.takes_numbers
    if item.several:
        return {"type": [*kinds, "array", "null"], "items": {"type": kinds}}
    if item.option.choices:
        return {"enum": [*item.option.choices, None]}
    bounds = {"minimum": item.option.least, "maximum": item.option.most}
    given = {name: value for name, value in bounds.items() if value is not None}
    return {"type": [*kinds, "null"], **given}


def checked_fields(kind: type, given: Mapping[Any, Any], where: str) -> dict[str, Any]:
    """Values in the types of a dataclass's fields.

    Args:
        kind: The dataclass.
        given: Values by the name of a field or of a flag, with dashes or underscores. None stands for the
            default.
        where: What an error message begins with: the file, or nothing for what a user gave directly.

    Returns:
        Values by the name of the field, without those that were None.

    Raises:
        GistevalError: For an unknown field, one that no file may set, one that is given twice, or a value
            of another type.
    """
    known = described(kind)
    flags = {item.flag.replace("-", "_"): name for name, item in known.items()}
    values: dict[str, Any] = {}
    for written, value in given.items():
        name = str(written).replace("-", "_")
        name = flags.get(name, name)
        if name not in known:
            raise GistevalError(
                f"{where}unknown field {str(written)!r}{did_you_mean(name, known)}: "
                f"choose from {', '.join(known)}"
            )
        if where and known[name].option.command_only:
            raise GistevalError(f"{where}field {name!r} is a flag alone: give --{known[name].flag}")
        if name in values:
            raise GistevalError(f"{where}field {name!r} is given twice, the second time as {written!r}")
        if value is not None:
            values[name] = _coerced(known[name], value, where)
    return values


def _coerced(wanted: Described, value: Any, where: str) -> Any:
    """A value from YAML, the command line or a Python caller in the type that is wanted."""
    if wanted.option.parse is not None:
        return wanted.option.parse(value) if isinstance(value, str) else value
    if wanted.several:
        return _texts(wanted, value, where)
    return _one(wanted, value, where)


def _one(wanted: Described, value: Any, where: str) -> Any:
    if type(value) is int and abs(value) > sys.maxsize:
        raise GistevalError(f"{where}field {wanted.name!r} must be a number of at most 64 bits")
    if wanted.kind is Path and isinstance(value, str | os.PathLike):
        return Path(value)
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if wanted.option.takes_numbers and type(value) is int:
        return str(value)
    if wanted.kind is float and type(value) is int:
        return float(value)
    if type(value) is not wanted.kind:
        words = {int: "a whole number", bool: "true or false", float: "a number"}
        expected = words.get(wanted.kind, "text")
        raise GistevalError(f"{where}field {wanted.name!r} must be {expected}, not {value!r}")
    return value


def _texts(wanted: Described, value: Any, where: str) -> tuple[Any, ...]:
    """A list of texts or paths, each of which may hold several values between separators."""
    message = f"{where}field {wanted.name!r} must be a list of texts"
    values = value if isinstance(value, list | tuple) else [value]
    texts: list[str] = []
    for entry in values:
        if isinstance(entry, os.PathLike):
            entry = os.fspath(entry)
        if wanted.option.takes_numbers and type(entry) is int:
            entry = str(entry)
        if not isinstance(entry, str):
            raise GistevalError(f"{message}, {'but holds' if values is value else 'not'} {entry!r}")
        texts += wanted.option.split(entry)
    for text in texts:
        if not text.strip():
            raise GistevalError(f"{message}, but holds {text!r}")
    return tuple(wanted.kind(text.strip()) for text in texts)
