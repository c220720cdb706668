"""What manifest.json and results.json may hold: the type of each field that a command reads.

A run folder may be anybody's. It is checked once, when it is read, so that whatever reads a field later can
rely on its type. Fields that nothing reads, and those of newer versions, may hold anything. A field that
version 0.1 did not write may be absent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

Check = Callable[[Any, str], None]
"""Raises WrongField if a value, whose place is given, does not fit."""

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


def _text(value: Any, place: str) -> None:
    if type(value) is not str:
        raise WrongField(place, value, "a text")


def _name(value: Any, place: str) -> None:
    if type(value) is not str or not value:
        raise WrongField(place, value, "a name")


def _flag(value: Any, place: str) -> None:
    if type(value) is not bool:
        raise WrongField(place, value, "true or false")


def _number(value: Any, place: str) -> None:
    whole = type(value) is int and abs(value) < LARGEST
    if not (whole or (type(value) is float and math.isfinite(value))):
        raise WrongField(place, value, "a number")


def _whole(lowest: int) -> Check:
    def check(value: Any, place: str) -> None:
        if type(value) is not int or not lowest <= value < LARGEST:
            raise WrongField(place, value, f"a whole number from {lowest}")

    return check


def _word(*words: str) -> Check:
    def check(value: Any, place: str) -> None:
        if type(value) is not str or value not in words:
            raise WrongField(place, value, f"one of {', '.join(words)}")

    return check


def _or_null(inner: Check) -> Check:
    def check(value: Any, place: str) -> None:
        if value is not None:
            inner(value, place)

    return check


def _list(inner: Check) -> Check:
    def check(value: Any, place: str) -> None:
        if not isinstance(value, list):
            raise WrongField(place, value, "a list")
        for number, item in enumerate(value):
            inner(item, f"{place}[{number}]")

    return check


def _by_name(inner: Check) -> Check:
    def check(value: Any, place: str) -> None:
        if not isinstance(value, dict):
            raise WrongField(place, value, "a mapping")
        for name, item in value.items():
            _name(name, f"a name in {place}")
            inner(item, f"{place}.{name}")

    return check


def _anything(value: Any, place: str) -> None:
    pass


def _fields(
    needed: Mapping[str, Check], optional: Mapping[str, Check] | None = None, closed: bool = False
) -> Check:
    """closed: no other field may be there."""
    known = {**needed, **(optional or {})}

    def check(value: Any, place: str) -> None:
        if not isinstance(value, dict):
            raise WrongField(place, value, "a mapping")
        for name in needed:
            if name not in value:
                raise MissingField(place, name)
        for name, item in value.items():
            if name in known:
                known[name](item, f"{place}.{name}" if place else name)
            elif closed:
                raise WrongField(place, name, f"one of its fields: {', '.join(known)}")

    return check


_COUNT = _whole(0)
_TEXTS = _list(_text)
_SHARE = _or_null(_number)


def _point(value: Any, place: str) -> None:
    """A step of a training and its loss."""
    if not isinstance(value, list) or len(value) != 2:
        raise WrongField(place, value, "a step and a loss")
    for item in value:
        _number(item, place)


_SYSTEM = _fields(
    {"name": _name, "role": _word("candidate", "positive", "negative")},
    {
        "reference": _or_null(_name),
        "negative": _or_null(_name),
        "evaluated": _flag,
        "condition": _or_null(_word("gist", "pos_control", "neg_control")),
        "control": _or_null(_word("trained", "untrained")),
        "compressor": _text,
        "k": _COUNT,
        "loss": _list(_point),
    },
)
_SELF_CHECK = _fields(
    {
        "examples": _COUNT,
        "tokens": _COUNT,
        "greedy_mismatches": _COUNT,
        "max_nll_difference": _number,
    },
    {
        "stock_difference": _number,
        "batch_difference": _number,
        "loss_difference": _number,
        "decoded_difference": _number,
        "rounding": _number,
        "tolerance": _number,
    },
)
_DROPPED = _by_name(_fields({"value": _anything, "reason": _text}))
_JUDGE = _fields(
    {}, {"kind": _text, "identity": _text, "note": _text, "notes": _TEXTS, "dropped": _DROPPED}
)
_SAVED_FIGURE = _fields(
    {
        "metric": _text,
        "system": _text,
        "split": _text,
        "saved": _number,
        "recomputed": _number,
        "agrees": _flag,
    }
)
_MANIFEST = _fields(
    {
        "identity": _fields({}, {"task": _name}),
        "self_check": _by_name(_SELF_CHECK),
        "splits": _by_name(_whole(1)),
        "systems": _list(_SYSTEM),
    },
    {
        "command": _TEXTS,
        "versions": _by_name(_text),
        "device": _text,
        "dtype": _text,
        "notes": _TEXTS,
        "result_notes": _TEXTS,
        "judges": _by_name(_JUDGE),
        "executor": _by_name(_anything),
        "not_asked": _by_name(_by_name(_TEXTS)),
        "own_references": _TEXTS,
        "saved_figures": _list(_SAVED_FIGURE),
        "metrics": _list(_name),
        "signature": _by_name(_anything),
    },
)

_INTERVAL = _fields({"value": _SHARE, "ci_low": _SHARE, "ci_high": _SHARE}, {"n": _COUNT})
_TEST_OF_A_JUDGE = _fields(
    {
        "rule": _word(
            "missing", "ties", "other order", "itself", "place", "same text", "length", "negative control"
        ),
        "state": _word("holds", "fails", "too few", "untested"),
        "text": _text,
    },
    {
        "split": _or_null(_name),
        "system": _or_null(_name),
        "value": _SHARE,
        "ci_low": _SHARE,
        "ci_high": _SHARE,
        "guess": _SHARE,
        "n": _COUNT,
    },
    closed=True,
)
_PLACE: dict[str, Check] = {"split": _name, "system": _name, "reference": _name}
_ENTRIES: dict[str, Check] = {
    "pairs": _fields(
        {
            **_PLACE,
            "judge": _name,
            **dict.fromkeys(("pairs", "equal_outputs", "wins", "ties", "losses", "missing_pairs"), _COUNT),
            **dict.fromkeys(("looks", "errors", "invalid"), _COUNT),
            "cost": _number,
            **dict.fromkeys(("win_rate", "win_rate_adjusted"), _or_null(_INTERVAL)),
            **dict.fromkeys(("flip_rate", "first_shown_share", "longer_share"), _or_null(_INTERVAL)),
            "length_slope": _or_null(_INTERVAL),
            "again": _or_null(_fields({"n": _COUNT, "agreement": _number, "kappa": _SHARE})),
        },
        {
            "examples": _COUNT,
            "cut": _COUNT,
            "prompt_tokens": _COUNT,
            "completion_tokens": _COUNT,
            "order_effect": _or_null(_INTERVAL),
            "veto": _or_null(_text),
            "doubt": _or_null(_text),
            "checks": _list(_TEST_OF_A_JUDGE),
        },
    ),
    "control": _fields(
        {
            **_PLACE,
            "judge": _name,
            "answered": _COUNT,
            "ties": _number,
            "first_shown_share": _SHARE,
        }
    ),
    "panel": _fields(
        {
            **_PLACE,
            "judges": _list(_name),
            "preference": _or_null(_INTERVAL),
            "pairs": _COUNT,
            "answers": _COUNT,
            "alpha": _SHARE,
        }
    ),
    "agreement": _fields(
        {**_PLACE, "judges": _list(_name), "agreement": _number, "kappa": _SHARE, "n": _COUNT}
    ),
}
_ENTRY = _fields({**_PLACE, "kind": _word(*_ENTRIES)})


def _entry(value: Any, place: str) -> None:
    """The figures of a judge, or of several side by side."""
    _ENTRY(value, place)
    _ENTRIES[value["kind"]](value, place)


_RESULTS = _fields({"rows": _list(_by_name(_anything)), "signature": _text}, {"judging": _list(_entry)})
_COUNTS_OF_A_ROW = {"k": _COUNT, "n": _COUNT, "clusters": _COUNT, "failures": _COUNT}


def check_manifest(content: Any) -> None:
    """Raises WrongField naming the first field of a manifest.json that does not hold what it should."""
    _MANIFEST(content, "")
    timings_alone = "saved_figures" in content  # of an import of the release that has no outputs
    for part in ("systems", "splits"):
        if not content[part] and not timings_alone:
            raise WrongField(part, content[part], "what a run has")
    names = [system["name"] for system in content["systems"]]
    for number, system in enumerate(content["systems"]):
        for control in ("reference", "negative"):
            _one_of(system.get(control), names, f"systems[{number}].{control}")
        if system["name"] in names[:number]:
            raise WrongField(f"systems[{number}].name", system["name"], "a name of its own")


def check_complete(manifest: Mapping[str, Any]) -> None:
    """Raises WrongField if a checked manifest lacks what reports and judges state of every run."""
    _fields(dict.fromkeys(("command", "versions", "device", "dtype"), _anything))(manifest, "")
    _fields({"task": _anything})(manifest["identity"], "identity")
    labels = dict.fromkeys(("condition", "control", "compressor", "k"), _anything)
    _list(_fields(labels))(manifest["systems"], "systems")


def check_results(content: Any) -> None:
    """The same for results.json; its rows are read as records are, this sees to their numbers."""
    _RESULTS(content, "")
    for number, row in enumerate(content["rows"]):
        check_numbers(row, f"rows[{number}].")
        for name, check in _COUNTS_OF_A_ROW.items():
            check(row.get(name, 0), f"rows[{number}].{name}")


def check_numbers(record: Mapping[str, Any], place: str = "") -> None:
    """Raises WrongField naming a number of a record that is infinite (1e999 in JSON) or beyond 64 bits."""
    for name, value in record.items():
        kind = type(value)
        if (kind is float and not math.isfinite(value)) or (kind is int and abs(value) >= LARGEST):
            raise WrongField(f"{place}{name}", value, "a number")


def _one_of(name: str | None, names: Collection[str], place: str) -> None:
    if name is not None and name not in names:
        raise WrongField(place, name, "a system of this run")
