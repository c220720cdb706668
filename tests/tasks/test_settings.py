"""Settings behind a task's name: read once, checked, and named in records."""

from __future__ import annotations

import pytest

from gisteval.errors import GistevalError
from gisteval.tasks import load_task
from gisteval.tasks.settings import Setting, canonical, read_settings

KNOWN = {
    "length": Setting(default="1024", least=256, most=4096, several=True),
    "seed": Setting(default=0, least=0),
    "form": Setting(default="plain", choices=["plain", "hard"]),
    "share": Setting(default=0.5, least=0, most=1),
    "file": Setting(default=""),
}


def test_values_have_the_kind_of_their_default() -> None:
    given = {"length": "256/ 512", "seed": "7", "form": "hard", "share": "1", "file": "a=b.json"}
    assert read_settings("t", KNOWN, given) == {
        "length": (256, 512),
        "seed": 7,
        "form": "hard",
        "share": 1.0,
        "file": "a=b.json",
    }
    assert read_settings("t", KNOWN, {})["length"] == (1024,)


def test_the_name_holds_what_differs_from_the_defaults() -> None:
    values = read_settings("t", KNOWN, {"seed": "3", "length": "256/512", "share": "0.50"})
    assert canonical("t", KNOWN, values) == "t:length=256/512,seed=3"
    assert canonical("t", KNOWN, read_settings("t", KNOWN, {})) == "t"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "needle:lenght=512",
            r"no setting 'lenght' \(did you mean 'length'\?\): choose from length, depths",
        ),
        ("needle:length", r"'length' is no setting, write needle:setting=value"),
        ("needle:length=512,length=1024", "'length' is given twice"),
        ("needle:length=20", r"setting 'length' must be a whole number from 256 to 32768, not '20'"),
        ("needle:length=1e9", "must be a whole number"),
        ("needle:seed=x", r"'seed' must be a whole number from 0, not 'x'"),
        ("many_shot:group=all", r"'group' must be one of task, instruction.*not 'all'"),
        ("wordplay:seed=1", r"task wordplay has no setting 'seed': it has none"),
        ("neddle:length=512", r"'neddle' is unknown \(did you mean 'needle'\?\)"),
    ],
)
def test_what_makes_no_sense_is_one_line(name: str, message: str) -> None:
    with pytest.raises(GistevalError, match=message):
        load_task(name)


def test_a_default_must_fit_its_own_bounds() -> None:
    with pytest.raises(ValueError, match="from 1"):
        Setting(default=0, least=1)
