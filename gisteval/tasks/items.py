"""Items of a split, which are mappings of columns, as examples."""

from __future__ import annotations

import math
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from gisteval.errors import GistevalError
from gisteval.records.schema import Example

Item = Mapping[str, object]


class Strict(BaseModel):
    """A part of a task file; an unknown field is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Fields(Strict):
    """Names of the columns. None where the data has no such column.

    depth, length, facts and part are what a report may group by, choices the answers to choose from, one a
    line (see `Example`).
    """

    instruction: str = "instruction"
    input: str | None = "input"
    output: str = "output"
    id: str | None = None
    depth: str | None = None
    length: str | None = None
    facts: str | None = None
    part: str | None = None
    choices: str | None = None


def example_of(item: Item, fields: Fields, task: str, split: str, name: str, where: str) -> Example:
    """An item as an example.

    Args:
        item: Its columns.
        fields: The names of the columns that matter.
        task: The task's name.
        split: The split's name.
        name: The example's id, unless a column holds it.
        where: The item, for messages.

    Raises:
        GistevalError: A column is absent or holds something else.
    """
    instruction = _text(item, fields.instruction, where)
    if not instruction.strip():
        raise GistevalError(f"{where}: the instruction is empty: fill it in or remove the item")
    return Example(
        id=_text(item, fields.id, where) if fields.id else name,
        task=task,
        split=split,
        instruction=instruction,
        input=_text(item, fields.input, where) if fields.input else "",
        output=_text(item, fields.output, where),
        depth=_number(item, fields.depth, where),
        length=_count(item, fields.length, where),
        facts=_count(item, fields.facts, where),
        part=_text(item, fields.part, where) if fields.part else None,
        choices=(_text(item, fields.choices, where) or None) if fields.choices else None,
    )


def _number(item: Item, field: str | None, where: str) -> float | None:
    """A number that a report groups by; None where the column is absent or empty."""
    value = None if field is None else item.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise GistevalError(f"{where}: field {field!r} must be a number, not {value!r}")
    return float(value)


def _count(item: Item, field: str | None, where: str) -> int | None:
    value = _number(item, field, where)
    return None if value is None else int(value)


def _text(item: Item, field: str, where: str) -> str:
    if field not in item:
        raise GistevalError(f"{where}: no field {field!r} (there are {', '.join(map(str, item))})")
    value = item[field]
    if isinstance(value, list | dict):
        raise GistevalError(f"{where}: field {field!r} must be a text, not a {type(value).__name__}")
    if isinstance(value, float) and not math.isfinite(value):
        raise GistevalError(
            f"{where}: field {field!r} is {value}, not a text: leave it empty (null) or fill it in"
        )
    text = "" if value is None else str(value)
    try:
        text.encode()
    except UnicodeEncodeError as error:  # JSON can write half of a surrogate pair, no tokenizer reads it
        raise GistevalError(f"{where}: field {field!r} is not valid Unicode ({error.reason})") from error
    return text
