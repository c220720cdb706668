"""The text of a compressor with its settings, such as "snapkv:window=32,kernel=7".

What is around a compressor follows a plus, from the inside to the outside: "snapkv:window=32+pyramid+int4".
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

from gisteval.compressors.wrapper import Wrapper
from gisteval.errors import GistevalError, did_you_mean
from gisteval.registry import COMPRESSORS, ORACLE, WRAPPERS, Registry

if TYPE_CHECKING:
    from gisteval.compressors.base import Compressor

Setting = int | float | bool | str

_KINDS: dict[type, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


@dataclass(frozen=True, slots=True)
class CompressorSpec:
    """A compressor by name with the settings that differ from its defaults, sorted by name.

    `parse` and `of` make one that is known to be valid.

    Attributes:
        name: The compressor's.
        settings: Name and value of each.
        around: The compressors around it, the innermost first.
    """

    name: str
    settings: tuple[tuple[str, Setting], ...] = ()
    around: tuple[CompressorSpec, ...] = ()

    @classmethod
    def parse(cls, text: str, more: Mapping[str, Any] | None = None) -> CompressorSpec:
        """Read a spec.

        Args:
            text: "name" or "name:setting=value,setting=value", and a plus with another one for each
                compressor around it; an old name of a compressor is taken too.
            more: Settings of the innermost compressor given apart from the text.

        Raises:
            GistevalError: The compressor or a setting is unknown, or a value makes no sense.
        """
        first, *around = split_parts(text)
        name, given = _given(first)
        for key, value in (more or {}).items():
            _add(given, key, str(value), name)
        kind = _load(name)
        built: Compressor = kind(**_values(kind, given))
        for part in around:
            name, given = _given(part)
            outer = _load(name, WRAPPERS)
            built = outer(inner=built, **_values(outer, given))
        return cls.of(built)

    @classmethod
    def of(cls, compressor: Compressor) -> CompressorSpec:
        """The spec of a compressor that is there."""
        known = list(setting_fields(type(compressor)))
        changed = {
            field.name: value
            for field in known
            if (value := getattr(compressor, field.name)) != field.default
        }
        own = cls(type(compressor).name, tuple(sorted(changed.items())))
        if not isinstance(compressor, Wrapper):
            return own
        inner = cls.of(compressor.inner)
        return replace(inner, around=(*inner.around, own))

    def __str__(self) -> str:
        """The canonical text."""
        own = f"{self.name}:{_settings_text(self)}" if self.settings else self.name
        return "+".join([own, *map(str, self.around)])

    @property
    def settings_text(self) -> str:
        """The settings alone, "" if all are the defaults; a plus before those of each one around."""
        parts = [self, *self.around]
        return "+".join(map(_settings_text, parts)) if any(part.settings for part in parts) else ""

    def build(self) -> Compressor:
        """The compressor itself. Raises GistevalError for a name or a value that makes no sense."""
        built: Compressor = _load(self.name)(**dict(self.settings))
        for part in self.around:
            built = _load(part.name, WRAPPERS)(inner=built, **dict(part.settings))
        return built


def split_parts(text: str) -> list[str]:
    """A spec's compressor and what is around it, "a:x=1+int4" as ["a:x=1", "int4"].

    A plus within a setting's value stays there, unless what follows is the name of a compressor that goes
    around others.
    """
    first, *rest = text.split("+")
    parts = [first]
    for part in rest:
        if ":" not in parts[-1] or part.partition(":")[0].strip() in WRAPPERS.names():
            parts.append(part)
        else:
            parts[-1] += f"+{part}"
    return parts


def setting_fields(kind: type[Compressor]) -> Iterator[Field[Any]]:
    """The settings of a compressor, each with its default. Raises GistevalError for one that has none."""
    for field in fields(kind):
        if field.name == "inner" and issubclass(kind, Wrapper):
            continue
        if field.default is MISSING or type(field.default) not in _KINDS:
            raise GistevalError(
                f"compressor {kind.name}: its setting {field.name!r} needs a default: a number, text, true "
                "or false"
            )
        yield field


def settings_of(text: str) -> dict[str, str]:
    """All settings of a spec's innermost compressor with their defaults, as they are written in a spec."""
    return defaults_of(_load(split_parts(text)[0].partition(":")[0].strip()))


def defaults_of(kind: type[Compressor]) -> dict[str, str]:
    """All settings of a compressor with their defaults, as they are written in a spec."""
    return {field.name: _written(field.default) for field in setting_fields(kind)}


def build_compressor(text: str) -> Compressor:
    """The compressor of a spec's text. Raises GistevalError, see `CompressorSpec.parse`."""
    return CompressorSpec.parse(text).build()


def _settings_text(spec: CompressorSpec) -> str:
    return ",".join(f"{key}={_written(value)}" for key, value in spec.settings)


def _given(text: str) -> tuple[str, dict[str, str]]:
    """The name and the settings of one part of a spec."""
    name, colon, rest = (part.strip() for part in text.partition(":"))
    given: dict[str, str] = {}
    for part in rest.split(",") if colon else ():
        key, equals, value = (side.strip() for side in part.partition("="))
        if not (key and equals):
            raise GistevalError(
                f"compressor {text!r}: {part.strip()!r} is no setting, write {name}:setting=value"
            )
        _add(given, key, value, name)
    return name, given


def _load(name: str, registry: Registry = COMPRESSORS) -> Any:
    if registry is COMPRESSORS and name in WRAPPERS.names():
        raise GistevalError(f"compressor {name!r} goes around another one: write full+{name}, for one")
    kind = registry.load(name)
    if not (isinstance(kind, type) and is_dataclass(kind)):
        raise GistevalError(f"compressor {name!r} is no dataclass: see docs/compressors.md")
    if registry is COMPRESSORS and getattr(kind, "reusable", True) == name.endswith(ORACLE):
        raise GistevalError(
            f"compressor {name!r}: its name must end with {ORACLE} if `reusable` is False, and not else: "
            "tables tell by the name what sees the input"
        )
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
