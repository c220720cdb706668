"""JSON objects as frozen dataclasses: each field's type is checked when read, unknown fields are kept.

A run folder may be anybody's. It is checked once, when it is read, so that whatever uses a field later can
rely on its type. A field that the class does not know (of a newer version, or of a plug-in) may hold
anything, and is there again when the object is written.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import cache, partial
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Self, TypeAlias, Union, get_args, get_origin, get_type_hints

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
"""What JSON can hold."""

Reader = Callable[[Any, str], Any]
"""Returns the typed form of a JSON value, whose place is given. Raises WrongField if it does not fit."""

LARGEST = 2**63
"""No count, and no whole number, is beyond what a record may hold."""


class WrongField(ValueError):
    """A field is absent, or does not hold what it should; the message says which, and what it holds."""

    def __init__(self, place: str, value: Any, expected: str) -> None:
        super().__init__(f"{place} is {value!r:.40}, not {expected}")


class MissingField(WrongField):
    """A field is absent."""

    def __init__(self, place: str, name: str) -> None:
        ValueError.__init__(self, f"{place}.{name} is missing" if place else f"{name} is missing")


def check_numbers(record: Mapping[str, Any], place: str = "") -> None:
    """Raises WrongField naming a number of a record that is infinite (1e999 in JSON) or beyond 64 bits."""
    for name, value in record.items():
        kind = type(value)
        if (kind is float and not math.isfinite(value)) or (kind is int and abs(value) >= LARGEST):
            raise WrongField(f"{place}{name}", value, "a number")


OPTIONAL = {"optional": True}
"""Metadata of a field that is not written while it is None."""


@dataclass(frozen=True)
class JsonObject:
    """Base of what is read from a JSON object and written as one.

    A field without a default must be there.

    Attributes:
        extra: The fields that the class does not know.
    """

    extra: Mapping[str, object] = field(default_factory=dict, kw_only=True, repr=False, compare=False)

    @classmethod
    def from_json(cls, content: object, place: str = "") -> Self:
        """Read an object. place: where it lies, for the message.

        Raises:
            WrongField: The first field that does not hold what it should.
        """
        if not isinstance(content, dict):
            raise WrongField(place, content, "a mapping")
        kind: Any = cls  # a class can be hashed, which mypy does not believe of one with hashable instances
        readers, needed = _fields(kind)
        for name in needed:
            if name not in content:
                raise MissingField(place, name)
        known, extra = {}, {}
        for name, value in content.items():
            if name in readers:
                known[name] = readers[name](value, f"{place}.{name}" if place else name)
            else:
                extra[name] = value
        return cls(**known, extra=extra)

    def to_json(self) -> dict[str, object]:
        """The object as what JSON holds: fields in the class's order, then those it does not know."""
        content = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name != "extra" and not (value is None and item.metadata.get("optional")):
                content[item.name] = plain(value)
        return {**content, **self.extra}


def plain(value: object) -> object:
    """A value of a field as what JSON holds."""
    if isinstance(value, JsonObject):
        return value.to_json()
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


@cache
def _fields(kind: type[JsonObject]) -> tuple[dict[str, Reader], tuple[str, ...]]:
    """The reader of each field, and the names of those that must be there."""
    hints = get_type_hints(kind, include_extras=True)
    known = [item for item in fields(kind) if item.name != "extra"]
    needed = (item for item in known if item.default is MISSING and item.default_factory is MISSING)
    return {item.name: reader_of(hints[item.name]) for item in known}, tuple(item.name for item in needed)


def reader_of(hint: Any) -> Reader:
    """The reader of a type: one of the standard ones, a JsonObject, or `Annotated` with a reader.

    Raises:
        TypeError: JSON holds no such type.
    """
    origin, parts = get_origin(hint), get_args(hint)
    if hint in _SIMPLE:
        return _SIMPLE[hint]
    if origin is Annotated:
        reader: Reader = parts[1]
        return reader
    if origin is Literal:
        return partial(_word, parts)
    if origin in (Union, UnionType):
        others = [reader_of(part) for part in parts if part is not NoneType]
        return partial(_either, others, NoneType in parts)
    if origin is tuple and parts[1:] == (...,):
        return partial(_list, reader_of(parts[0]))
    if origin is tuple:
        return partial(_row, [reader_of(part) for part in parts])
    if origin is Mapping:
        names = _name if parts[0] is str else reader_of(parts[0])
        return partial(_by_name, names, reader_of(parts[1]))
    if isinstance(hint, type) and issubclass(hint, JsonObject):
        return hint.from_json
    raise TypeError(f"no JSON value is a {hint}")


def _text(value: Any, place: str) -> str:
    if type(value) is not str:
        raise WrongField(place, value, "a text")
    return value


def _name(value: Any, place: str) -> str:
    if type(value) is not str or not value:
        raise WrongField(place, value, "a name")
    return value


def _flag(value: Any, place: str) -> bool:
    if type(value) is not bool:
        raise WrongField(place, value, "true or false")
    return value


def _number(value: Any, place: str) -> float:
    whole = type(value) is int and abs(value) < LARGEST
    if not (whole or (type(value) is float and math.isfinite(value))):
        raise WrongField(place, value, "a number")
    number: float = value
    return number


def _whole(lowest: int, value: Any, place: str) -> int:
    if type(value) is not int or not lowest <= value < LARGEST:
        raise WrongField(place, value, f"a whole number from {lowest}")
    return value


def _integer(value: Any, place: str) -> int:
    if type(value) is not int or abs(value) >= LARGEST:
        raise WrongField(place, value, "a whole number")
    return value


def _word(words: tuple[str, ...], value: Any, place: str) -> str:
    if type(value) is not str or value not in words:
        raise WrongField(place, value, f"one of {', '.join(words)}")
    return value


def _either(readers: list[Reader], nullable: bool, value: Any, place: str) -> Any:
    if nullable and value is None:
        return None
    for reader in readers[:-1]:
        try:
            return reader(value, place)
        except WrongField:
            continue
    return readers[-1](value, place)


def _list(item: Reader, value: Any, place: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise WrongField(place, value, "a list")
    return tuple(item(found, f"{place}[{number}]") for number, found in enumerate(value))


def _row(items: list[Reader], value: Any, place: str) -> tuple[Any, ...]:
    if not isinstance(value, list) or len(value) != len(items):
        raise WrongField(place, value, f"a list of {len(items)}")
    return tuple(
        item(found, f"{place}[{n}]") for n, (item, found) in enumerate(zip(items, value, strict=True))
    )


def _by_name(names: Reader, item: Reader, value: Any, place: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise WrongField(place, value, "a mapping")
    return {
        names(name, f"a name in {place}"): item(found, f"{place}.{name}") for name, found in value.items()
    }


def _anything(value: Any, place: str) -> Any:
    return value


_SIMPLE: dict[Any, Reader] = {
    str: _text,
    bool: _flag,
    int: _integer,
    float: _number,
    object: _anything,
}

Name = Annotated[str, _name]
"""A text that is not empty, as are the names in a mapping from `str`."""
Text = Annotated[str, _text]
"""Any text; the whole model's path in a device map is empty."""
Count = Annotated[int, partial(_whole, 0)]
Positive = Annotated[int, partial(_whole, 1)]
