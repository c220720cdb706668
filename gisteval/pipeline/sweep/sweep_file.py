"""The YAML file of a sweep: fields that all entries share, a grid of values, and further entries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from gisteval.config import RunConfig
from gisteval.content import read_yaml
from gisteval.errors import GistevalError, did_you_mean
from gisteval.options import checked_fields

SECTIONS = ("common", "grid", "entries")

MOST_RUNS = 10_000
"""Most entries of a grid. More are surely a mistake, and their list alone would fill the memory."""

PLURALS = {"seeds": "seed", "budgets": "budget", "ks": "k", "tasks": "task"}
"""Names that a grid may use for a field with one value."""


class Layer(NamedTuple):
    """Fields of a configuration, and what error messages about them begin with."""

    where: str
    fields: Mapping[Any, Any]


def read_sweep(file: Path) -> tuple[RunConfig, ...]:
    """Read the configurations of a sweep.

    Returns:
        The grid's entries, whose last field changes fastest, and then the others.

    Raises:
        GistevalError: The file can't be read, or no run would accept an entry, which the error names.
    """
    content = read_yaml(file, "sweep")
    if not isinstance(content, dict):
        raise GistevalError(f"sweep {file} must be a YAML mapping with {' and '.join(SECTIONS[1:])}")
    for name in content:
        if name not in SECTIONS:
            raise GistevalError(
                f"sweep {file}: unknown section {str(name)!r}{did_you_mean(str(name), SECTIONS)}: choose "
                f"from {', '.join(SECTIONS)}"
            )
    common = _mapping(content.get("common"), f"sweep {file}: common")
    configs = [
        _config(Layer(f"sweep {file}: common: ", common), layer)
        for layer in [*_grid(content.get("grid"), file), *_entries(content.get("entries"), file)]
    ]
    if not configs:
        raise GistevalError(f"sweep {file} has no entry: give a grid, or entries")
    return tuple(configs)


def _mapping(value: Any, where: str) -> Mapping[Any, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise GistevalError(f"{where} must be a mapping of field: value")
    return value


def _grid(value: Any, file: Path) -> Iterator[Layer]:
    """Every combination of the grid's values."""
    where = f"sweep {file}: grid"
    fields: dict[str, list[Any]] = {}
    for name, values in _mapping(value, where).items():
        if not isinstance(values, list) or not values:
            raise GistevalError(f"{where}: field {str(name)!r} must be a list of values, not {values!r}")
        single = PLURALS.get(str(name), str(name))
        if single in fields:
            raise GistevalError(f"{where}: field {single!r} is given twice")
        fields[single] = values
    if (runs := prod(map(len, fields.values()))) > MOST_RUNS:
        raise GistevalError(f"{where}: {runs:,} entries are more than {MOST_RUNS:,}: give fewer values")
    if fields:
        for values in product(*fields.values()):
            yield Layer(f"{where}: ", dict(zip(fields, values, strict=True)))


def _entries(value: Any, file: Path) -> Iterator[Layer]:
    if value is not None and not isinstance(value, list):
        raise GistevalError(f"sweep {file}: entries must be a list of mappings")
    for number, entry in enumerate(value or [], 1):
        where = f"sweep {file}: entry {number}"
        yield Layer(f"{where}: ", _mapping(entry, where))


def _config(common: Layer, own: Layer) -> RunConfig:
    """The configuration of an entry, whose own fields replace the common ones."""
    where = own.where
    values = checked_fields(RunConfig, common.fields, common.where)
    values |= checked_fields(RunConfig, own.fields, where)
    if "output" in values:
        raise GistevalError(
            f"{where}field 'output' can't be set: each entry gets a folder below the sweep's --output"
        )
    try:
        return replace(RunConfig(), **values)
    except GistevalError as error:
        raise GistevalError(f"{where}{error}") from error
