"""The text of a compressor with its settings, such as "snapkv:window=32,kernel=7"."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from gisteval.errors import GistevalError, did_you_mean
from gisteval.registry import COMPRESSORS

if TYPE_CHECKING:
    from gisteval.compressors.base import Compressor

Setting = int | float | bool | str

_KINDS: dict[type, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


@dataclass(frozen=True, slots=True)
class CompressorSpec:
    """A compressor by name with the settings that differ from its defaults, sorted by name.

    `parse` and `of` make one that is known to be valid.
    """

    name: str
    settings: tuple[tuple[str, Setting], ...] = ()

    @classmethod
    def parse(cls, text: str, more: Mapping[str, Any] | None = None) -> CompressorSpec:
        """Read a spec.

        Args:
            text: "name" or "name:setting=value,setting=value"; an old name of a compressor is taken too.
            more: Settings given apart from the text.

        Raises:
            GistevalError: The compressor or a setting is unknown, or a value makes no sense.
        """
        name, colon, rest = (part.strip() for part in text.partition(":"))
        given: dict[str, str] = {}
        for part in rest.split(",") if colon else ():
            key, equals, value = (side.strip() for side in part.partition("="))
            if not (key and equals):
                raise GistevalError(
                    f"compressor {text!r}: {part.strip()!r} is no setting, write {name}:setting=value"
                )
            _add(given, key, value, name)
        for key, value in (more or {}).items():
            _add(given, key, str(value), name)
        kind = _load(name)
        return cls.of(kind(**_values(kind, given)))

    @classmethod
    def of(cls, compressor: Compressor) -> CompressorSpec:
        """The spec of a compressor that is there."""
        settings = {field.name: getattr(compressor, field.name) for field in fields(compressor)}
        defaults = {field.name: field.default for field in fields(compressor)}
        changed = {key: value for key, value in settings.items() if value != defaults[key]}
        return cls(compressor.name, tuple(sorted(changed.items())))

    def __str__(self) -> str:
        """The canonical text."""
        return f"{self.name}:{self.settings_text}" if self.settings else self.name

    @property
    def settings_text(self) -> str:
        """The settings alone, "" if all are the defaults."""
        return ",".join(f"{key}={_written(value)}" for key, value in self.settings)

    def build(self) -> Compressor:
        """The compressor itself. Raises GistevalError for a name or a value that makes no sense."""
        built: Compressor = _load(self.name)(**dict(self.settings))
        return built


def setting_fields(kind: type[Compressor]) -> Iterator[Field[Any]]:
    """The settings of a compressor, each with its default. Raises GistevalError for one that has none."""
    for field in fields(kind):
        if field.default is MISSING or type(field.default) not in _KINDS:
            raise GistevalError(
                f"compressor {kind.name}: its setting {field.name!r} needs a default: a number, text, true "
                "or false"
            )
        yield field


def settings_of(text: str) -> dict[str, str]:
    """All settings of a spec's compressor with their defaults, as they are written in a spec."""
    kind = _load(text.partition(":")[0].strip())
    return {field.name: _written(field.default) for field in setting_fields(kind)}


def build_compressor(text: str) -> Compressor:
    """The compressor of a spec's text. Raises GistevalError, see `CompressorSpec.parse`."""
    return CompressorSpec.parse(text).build()


def _load(name: str) -> type[Compressor]:
    kind: type[Compressor] = COMPRESSORS.load(name)
    if not (isinstance(kind, type) and is_dataclass(kind)):
        raise GistevalError(f"compressor {name!r} is no dataclass: see docs/compressors.md")
    return kind


def _add(given: dict[str, str], key: str, value: str, name: str) -> None:
    if key in given:
        raise GistevalError(f"compressor {name}: setting {key!r} is given twice")
    given[key] = value


def _values(kind: type[Compressor], given: Mapping[str, str]) -> dict[str, Setting]:
    known = {field.name: field.default for field in setting_fields(kind)}
    for key in given:
        if key not in known:
            choose = f"choose from {', '.join(known)}" if known else "it has none"
            raise GistevalError(
                f"compressor {kind.name} has no setting {key!r}{did_you_mean(key, known)}: {choose}"
            )
    return {key: _read(kind.name, key, value, type(known[key])) for key, value in given.items()}


def _read(name: str, key: str, text: str, kind: type) -> Setting:
    """A setting's value in the type of its default."""
    try:
        if kind is bool:
            return {"true": True, "false": False}[text.lower()]
        if kind is int:
            return int(text)
        if kind is float and math.isfinite(number := float(text)):
            return number
        if kind is str and text:
            return text
    except (KeyError, ValueError):
        pass
    raise GistevalError(f"compressor {name}: setting {key!r} must be {_KINDS[kind]}, not {text!r}")


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
