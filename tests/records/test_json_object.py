"""JSON objects as dataclasses: what fits is read, what does not is named, and all is written again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gisteval.records.json_object import (
    LARGEST,
    OPTIONAL,
    Count,
    JsonObject,
    Name,
    WrongField,
    check_numbers,
    reader_of,
)


@dataclass(frozen=True)
class Inner(JsonObject):
    share: float


@dataclass(frozen=True, kw_only=True)
class Outer(JsonObject):
    name: Name
    kind: Literal["a", "b"] = "a"
    size: Count | str | None = None
    flag: bool = False
    items: tuple[Inner, ...] = ()
    pair: tuple[int, float] | None = None
    by_name: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    later: str | None = field(default=None, metadata=OPTIONAL)


SOUND: dict[str, Any] = {
    "name": "x",
    "kind": "b",
    "size": "25%",
    "flag": True,
    "items": [{"share": 0.5}, {"share": 1}],
    "pair": [-3, 2.5],
    "by_name": {"s": ["t"]},
    "later": "l",
}


def test_what_fits_is_read_typed() -> None:
    outer = Outer.from_json(SOUND)
    assert outer == Outer(
        name="x", kind="b", size="25%", flag=True, items=(Inner(0.5), Inner(1)), pair=(-3, 2.5),
        by_name={"s": ("t",)}, later="l",
    )  # fmt: skip
    assert list(outer.to_json().items()) == list(SOUND.items())


def test_a_field_that_is_absent_has_its_default_and_an_optional_one_is_not_written() -> None:
    outer = Outer.from_json({"name": "x"})
    assert outer == Outer(name="x")
    assert outer.to_json() == {
        "name": "x", "kind": "a", "size": None, "flag": False, "items": [], "pair": None, "by_name": {},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": ""}, "name is '', not a name"),
        ({"kind": "c"}, "kind is 'c', not one of a, b"),
        ({"size": -1}, "size is -1, not a text"),
        ({"flag": 1}, "flag is 1, not true or false"),
        ({"items": {}}, "items is {}, not a list"),
        ({"items": [{"share": 1.0}, {}]}, "items[1].share is missing"),
        ({"items": [{"share": float("inf")}]}, "items[0].share is inf, not a number"),
        ({"items": [{"share": LARGEST}]}, "items[0].share is 9223372036854775808, not a number"),
        ({"pair": [1]}, "pair is [1], not a list of 2"),
        ({"pair": [1.0, 1]}, "pair[0] is 1.0, not a whole number"),
        ({"by_name": {"s": [3]}}, "by_name.s[0] is 3, not a text"),
        ({"by_name": {"": []}}, "a name in by_name is '', not a name"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Any], says: str) -> None:
    with pytest.raises(WrongField) as refused:
        Outer.from_json({**SOUND, **change})
    assert str(refused.value) == says


def test_the_place_stands_in_front() -> None:
    with pytest.raises(WrongField, match=r"^runs\[0\]\.name is missing$"):
        Outer.from_json({}, "runs[0]")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*SOUND, "new", "extra"]), JSON))
def test_anything_is_read_or_refused_and_what_is_unknown_survives(changes: dict[str, Any]) -> None:
    content = {**SOUND, **changes}
    try:
        outer = Outer.from_json(content)
    except WrongField:
        return
    written = outer.to_json()
    unknown = {name: value for name, value in content.items() if name not in SOUND}
    assert {name: written[name] for name in unknown} == unknown
    assert Outer.from_json(json.loads(json.dumps(written))) == outer


def test_a_type_that_json_lacks_is_refused() -> None:
    with pytest.raises(TypeError, match="no JSON value is"):
        reader_of(complex)


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 2**63, -(2**63)])
def test_numbers_that_no_record_can_hold(value: float) -> None:
    check_numbers({"a": 2**63 - 1, "b": 1e300, "c": "inf", "d": True})
    with pytest.raises(WrongField, match=r"place\.a is"):
        check_numbers({"a": value}, "place.")
