"""What profile.json says where nothing was measured: shapes, and the paper's benchmark files.

`read_profile` reads a profile of any kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from gisteval.errors import GistevalError
from gisteval.files.foreign import read_json
from gisteval.records.json_object import Count, JsonObject, MissingField, Name, WrongField
from gisteval.records.profile_facts import PROFILE_VERSION, ModelProfile, Unit, WhatIfProfile


@dataclass(frozen=True)
class CountsFacts(JsonObject):
    """FLOPs of the same work three ways; closed_form is None where the closed forms don't apply."""

    closed_form: Count | None
    fvcore: Count
    torch: Count


@dataclass(frozen=True, kw_only=True)
class ShapeProfile(JsonObject):
    """FLOPs of a shape: `flops` is everything, prefill and decode are its parts.

    Attributes:
        difference_percent: Of fvcore and torch from the closed form.
        unsupported_ops: Operators that fvcore does not count.
    """

    kind: Literal["shape"] = "shape"
    shape: str
    output_matrix: str
    input_tokens: Count
    cached_tokens: Count
    output_tokens: Count
    flops: CountsFacts
    difference_percent: Mapping[str, float] | None
    prefill: CountsFacts
    decode: CountsFacts | None
    closed_form_parts: Mapping[str, object] | None
    closed_form_note: str | None
    unsupported_ops: tuple[str, ...]
    unsupported_op_calls: Mapping[str, Count]
    traced_layers: str


@dataclass(frozen=True)
class BoundedFacts(JsonObject):
    """A number with its 95% interval."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True)
class ReleasedSaving(JsonObject):
    """What a way saves of a baseline's mean, in percent; p_value: of no difference in time, else None."""

    baseline: Name
    unit: Unit
    p_value: float | None = None
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True)
class ReleasedWay(JsonObject):
    """A way to serve a prompt in the released files: means of an example."""

    model: Name
    way: Name
    rows: Count
    milliseconds: BoundedFacts | None
    flops: float
    cached_slots: float
    stored_bytes: float | None
    saved: tuple[ReleasedSaving, ...]


@dataclass(frozen=True, kw_only=True)
class ReleasedFile(JsonObject):
    """Means of one file's rows of one model, beside what was released."""

    file: str
    model: str
    rows: Count
    gflops: float
    released_gflops: float
    unequal_rows: Count
    milliseconds: float


@dataclass(frozen=True, kw_only=True)
class ReleasedProfile(JsonObject):
    """The paper's benchmark files, recomputed."""

    kind: Literal["released"] = "released"
    files: tuple[ReleasedFile, ...]
    ways: tuple[ReleasedWay, ...]


Profile: TypeAlias = ModelProfile | WhatIfProfile | ShapeProfile | ReleasedProfile

_KINDS: dict[str, type[Profile]] = {
    "model": ModelProfile,
    "what_if": WhatIfProfile,
    "shape": ShapeProfile,
    "released": ReleasedProfile,
}


def read_profile(file: Path) -> Profile | None:
    """A profile of any kind; None if there is no such file.

    Raises:
        GistevalError: It is damaged, or of another version.
    """
    if not file.is_file():
        return None
    try:
        content = read_json(file)
        if not isinstance(content, dict):
            raise WrongField("the profile", content, "a mapping")
        if "kind" not in content:
            raise MissingField("", "kind")
        kind = content["kind"]
        if not isinstance(kind, str) or kind not in _KINDS:
            raise WrongField("kind", kind, f"one of {', '.join(_KINDS)}")
        measured = kind in ("model", "what_if")
        if measured and content.get("schema_version") != PROFILE_VERSION:
            raise GistevalError(f"{file} is of another version of gisteval: delete it, or profile again")
        return _KINDS[kind].from_json(content)
    except WrongField as error:
        raise GistevalError(f"{file} is damaged ({error}): delete it, or profile again") from error
    except (OSError, ValueError, RecursionError) as error:
        raise GistevalError(f"{file} is damaged: delete it, or profile again") from error
