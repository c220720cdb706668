"""Options described once: types, values of several kinds of source, and the JSON schema of files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gisteval.config import RunConfig
from gisteval.config_file import read_config
from gisteval.errors import GistevalError
from gisteval.options import (
    Panel,
    as_one,
    check_bounds,
    checked_fields,
    described,
    json_schema,
    option,
    same_as,
)
from gisteval.registry import split_specs


def doubled(text: str) -> int:
    return 2 * int(text)


def numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(",")))


@dataclass(frozen=True)
class Settings:
    names: tuple[str, ...] = option((), "Names.", Panel.TASK, flag="name", unset="all of them")
    files: tuple[Path, ...] = option((), "Files.", Panel.TASK, split=as_one)
    specs: tuple[str, ...] = option((), "Specs.", Panel.TASK, split=split_specs)
    size: str = option("auto", "Size.", Panel.HARDWARE, takes_numbers=True)
    rate: float = option(0.5, "Rate.", Panel.HARDWARE, least=0.25)
    sizes: tuple[int, ...] = option((1,), "Sizes.", Panel.HARDWARE, most=1000, parse=numbers)
    trusted: str | None = option(None, "Trusted.", Panel.HARDWARE, command_only=True)
    count: int = option(1, "Count.", Panel.HARDWARE)
    twice: int = option(2, "Twice.", Panel.HARDWARE, parse=doubled)
    mode: str = option("a", "Mode.", Panel.HARDWARE, choices=("a", "b"))
    log: Path | None = option(None, "Log.", Panel.OUTPUT)
    internal: int = 3


@dataclass(frozen=True)
class Others:
    mode: str = same_as(Settings, "mode", default="b", help="Other mode.")
    rate: float = same_as(Settings, "rate")


def test_fields_without_a_description_are_no_options() -> None:
    assert "internal" not in described(Settings)
    with pytest.raises(GistevalError, match="unknown field 'internal'"):
        checked_fields(Settings, {"internal": 4}, "")


def test_a_shared_option_keeps_what_is_not_changed() -> None:
    mode, original = described(Others)["mode"], described(Settings)["mode"]
    assert (mode.default, mode.option.help, mode.option.choices) == ("b", "Other mode.", ("a", "b"))
    assert (original.default, original.option.help) == ("a", "Mode.")
    assert described(Others)["rate"].option is not None and Others().rate == 0.5


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("name", "a,b", ("a", "b")),
        ("names", ["a, b", "c"], ("a", "b", "c")),
        ("files", "a,b.txt", (Path("a,b.txt"),)),
        ("files", [Path("a"), "b"], (Path("a"), Path("b"))),
        ("specs", "knorm", ("knorm",)),
        ("specs", "snapkv:window=32,kernel=7,knorm", ("snapkv:window=32,kernel=7", "knorm")),
        ("specs", ["a:x=1", "b:x=2,c:y=3,z=4"], ("a:x=1", "b:x=2", "c:y=3,z=4")),
        ("size", 4, "4"),
        ("rate", 2, 2.0),
        ("twice", "4", 8),
        ("twice", 4, 4),
        ("log", "file", Path("file")),
    ],
)
def test_values_come_in_the_type_of_the_field(name: str, value: Any, expected: Any) -> None:
    (converted,) = checked_fields(Settings, {name: value}, "").values()
    assert converted == expected and type(converted) is type(expected)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "a", "names": "b"}, "field 'names' is given twice, the second time as 'names'"),
        ({"names": [3]}, "'names' must be a list of texts, but holds 3"),
        ({"names": 3}, "'names' must be a list of texts, not 3"),
        ({"names": "a,,b"}, "must be a list of texts, but holds ''"),
        ({"size": True}, "'size' must be text, not True"),
        ({"rate": "2"}, "'rate' must be a number, not '2'"),
        ({"rate": 10**400}, "'rate' must be a number of at most 64 bits"),
        ({"count": 2**63}, "'count' must be a number of at most 64 bits"),
        ({"raet": 2}, r"unknown field 'raet' \(did you mean 'rate'\?\): choose from names, files"),
    ],
)
def test_a_wrong_value_is_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(GistevalError, match=f"^file: .*{message}"):
        checked_fields(Settings, values, "file: ")


def test_the_least_value_is_allowed_and_a_smaller_one_is_not() -> None:
    check_bounds(Settings(rate=0.25))
    with pytest.raises(GistevalError, match=r"^--rate must be at least 0\.25, not 0\.1$"):
        check_bounds(Settings(rate=0.1), "--")


def test_the_largest_value_is_allowed_and_a_larger_one_is_not() -> None:
    check_bounds(Settings(sizes=(1000, 2)))
    with pytest.raises(GistevalError, match=r"^sizes must be at most 1,000, not 1001$"):
        check_bounds(Settings(sizes=(2, 1001)))


def test_no_file_sets_an_option_of_the_command_line_alone() -> None:
    assert checked_fields(Settings, {"trusted": "x"}, "") == {"trusted": "x"}
    for value in ("x", None):
        with pytest.raises(GistevalError, match=r"^file: field 'trusted' is a flag alone: give --trusted$"):
            checked_fields(Settings, {"trusted": value}, "file: ")
    assert "trusted" not in json_schema(Settings)["properties"]


def test_defaults_in_words() -> None:
    words = {name: item.unset for name, item in described(Settings).items()}
    assert words["names"] == "all of them"
    assert (words["size"], words["rate"], words["log"], words["files"]) == ("auto", "0.5", "", "")
    assert described(RunConfig)["thinking_tags"].unset == "<think>,</think>"


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 5),
    st.sampled_from(["auto", "4", "25%", "gist", "strip", "int8", "system", "local", "float32", "a b"]),
    st.floats(0.25, 4, width=16),
    st.lists(st.sampled_from(["x", "y", "16", 3, None]), min_size=1, max_size=2),
)


@given(
    st.dictionaries(
        st.sampled_from([*described(RunConfig), "model", "budget", "split"]), VALUES, max_size=2
    )
)
def test_the_schema_takes_whatever_the_program_takes(content: dict[str, Any]) -> None:
    """A validator of JSON schemas is the second path: it may be more lenient, never stricter."""
    validator = jsonschema.Draft202012Validator(json_schema(RunConfig))
    try:
        RunConfig(**checked_fields(RunConfig, content, "file: "))
    except GistevalError:
        return
    assert validator.is_valid(content), list(validator.iter_errors(content))


def test_a_value_that_is_no_choice_is_refused() -> None:
    with pytest.raises(GistevalError, match=r"^quantize 'auto' is unknown: choose int8, int4$"):
        RunConfig(quantize="auto")


@pytest.mark.parametrize(
    "content",
    [
        {"limt": 5},
        {"limit": "ten"},
        {"limit": 2.5},
        {"limit": 0},
        {"seed": -1},
        {"k": 10_001},
        {"task": 3},
        {"allow_pickle": 1},
        {"splits": ["seen", 3]},
        {"thinking": "drop"},
        {"condition": "gits"},
        {"budget": 2.5},
    ],
)
def test_the_schema_refuses_what_the_program_refuses(content: dict[str, Any]) -> None:
    validator = jsonschema.Draft202012Validator(json_schema(RunConfig))
    assert not validator.is_valid(content)
    with pytest.raises(GistevalError):
        read_config(None, content)
