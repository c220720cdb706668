"""Flat dataclasses as lines of a records file, and back.

A run has millions of them, so this is faster and less kind than `json_object`: names and types are checked,
and an unknown field is refused.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from functools import cache
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from gisteval.registry import current_spec

Record = TypeVar("Record")


def from_json(kind: type[Record], values: Mapping[str, Any]) -> Record:
    """A flat dataclass out of what JSON holds. Raises TypeError naming a field that is none."""
    _check_fields(kind, values, map(type, values.values()))
    return kind(**values)


def with_current_names(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """A record or result row whose compressor bears its present name, as older folders' don't."""
    name = values.get("compressor")
    if not isinstance(name, str) or (current := current_spec(name)) == name:
        return values
    return {**values, "compressor": current}


def _check_fields(kind: type, values: Mapping[str, Any], types: Iterable[type]) -> None:
    """Raises TypeError naming a field that is none of the record's, or can't hold its value."""
    # Records of a file are alike: once names and types have been found right, only words are left to check.
    found = tuple(types)
    shape = (kind, *values, *found)
    words = _SHAPES.get(shape)
    if words is None:
        words = _SHAPES[shape] = _check(kind, values, found)
    for name, known in words:
        if values[name] not in known:
            raise TypeError(f"{name} can't be {values[name]!r:.80}")


_SHAPES: dict[tuple[object, ...], tuple[tuple[str, frozenset[str]], ...]] = {}
"""By kind, names and types of a record that was found right: its fields that hold one of a few words."""


def _check(
    kind: type, values: Mapping[str, Any], types: Sequence[type]
) -> tuple[tuple[str, frozenset[str]], ...]:
    """The fields whose words are left to check. Raises TypeError naming one of a wrong name or type."""
    fields, words = _fields(kind), []
    for (name, value), found in zip(values.items(), types, strict=True):
        if name not in fields:
            raise TypeError(f"no field {name!r:.80}")
        fitting, texts = fields[name]
        if found in fitting:
            continue
        if not texts or found is not str:
            raise TypeError(f"{name} can't be {value!r:.80}")
        words.append((name, texts))
    return tuple(words)


def _fields(kind: type) -> dict[str, tuple[frozenset[type], frozenset[str]]]:
    """By name: the types that fit, and the texts that do where not all do."""
    found = {}
    for name, hint in get_type_hints(kind).items():
        parts = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
        plain = {part for part in parts if get_origin(part) is not Literal}
        texts = {text for part in parts if get_origin(part) is Literal for text in get_args(part)}
        found[name] = (frozenset(plain | ({int} if float in plain else set())), frozenset(texts))
    return found


def to_json(record: object) -> dict[str, object]:
    """A flat dataclass as what JSON holds. Nothing is copied, as `asdict` would.

    Raises TypeError where `from_json` would not read it back, so that no such line is ever written.
    """
    kind: Any = type(record)
    names, values, sparse = _reader(kind)
    found = dict(zip(names, values(record), strict=True))
    for name in sparse:
        if found[name] is None:
            del found[name]
    _check_fields(kind, found, map(_json_type, found.values()))
    return found


def _json_type(value: Any) -> type:
    """The type that a value comes back as: a number of NumPy as a plain one, an infinite one as null."""
    if isinstance(value, float):
        return float if math.isfinite(value) else NoneType
    return type(value)


@cache
def _reader(kind: type) -> tuple[tuple[str, ...], attrgetter[tuple[Any, ...]], tuple[str, ...]]:
    """The names of a record's fields, what reads them all, and the names of those left out where None."""
    names = tuple(field.name for field in fields(kind))
    sparse = tuple(field.name for field in fields(kind) if "sparse" in field.metadata)
    return names, attrgetter(*names), sparse
