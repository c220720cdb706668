"""The registry of compressors: lazy, helpful, and strict about names."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from gisteval import registry
from gisteval.compressors.base import Compressor
from gisteval.errors import GistevalError
from gisteval.registry import (
    COMPRESSORS,
    SEGMENTS,
    Registry,
    compresses,
    current_spec,
    keeps_gists,
    may_use_gists,
)
from gisteval.suite.requested import parse_requested


@pytest.fixture
def installed(monkeypatch):
    """Pretends that outside packages announce these plugins: installed(name="module:attribute")."""

    def announce(**plugins: str) -> None:
        monkeypatch.setattr(
            registry,
            "installed_plugins",
            lambda group, path: [EntryPoint(name, value, group) for name, value in plugins.items()],
        )

    return announce


def test_every_built_in_compressor_loads_under_its_own_name():
    assert set(COMPRESSORS.names()) >= {"empty", "full", "gist", "truncate"}
    for name in COMPRESSORS.names():
        plugin = COMPRESSORS.load(name)
        assert issubclass(plugin, Compressor)
        assert plugin.name == name
        assert current_spec(name) == name
        keeps_k = plugin.needs_gists and name != SEGMENTS
        assert keeps_gists(name) == keeps_k
        assert may_use_gists(name) == keeps_k


def test_the_names_of_before_load_the_same_compressors():
    assert COMPRESSORS.load("none") is COMPRESSORS.load("full")
    assert COMPRESSORS.load("nothing") is COMPRESSORS.load("empty")
    assert [COMPRESSORS.former(name) for name in ("full", "empty", "gist")] == ["none", "nothing", "gist"]
    assert "none" not in COMPRESSORS.names()


def test_what_compresses_is_told_by_the_name_in_a_record():
    names = ("full", "none", "empty", "nothing", "gist", "snapkv:window=4")
    assert [name for name in names if compresses(name)] == ["gist", "snapkv:window=4"]


def test_what_goes_around_a_compressor_does_not_change_what_it_keeps():
    assert [keeps_gists(name) for name in ("gist+int4", "gist:x=1+int8", "knorm+int4")] == [
        True,
        True,
        False,
    ]
    assert [compresses(name) for name in ("full+int8", "empty", "knorm+int4")] == [False, False, True]
    assert not may_use_gists("keydiff+pyramid")


def test_an_asked_compressor_bears_its_name_with_what_goes_around_it():
    asked = parse_requested(["none+int8", "gist+int4", "knorm+int4"], ())
    assert [item.label for item in asked] == ["none+int8", "gist+int4", "knorm+int4"]
    assert [item.spec for item in asked] == ["full+int8", "gist+int4", "knorm+int4"]


def test_an_unknown_name_suggests_a_near_one():
    with pytest.raises(
        GistevalError, match=r"'gits' is unknown \(did you mean 'gist'\?\): choose from empty, .*gist"
    ):
        COMPRESSORS.load("gits")


def test_a_far_name_suggests_nothing():
    with pytest.raises(GistevalError, match=r"'zzzzz' is unknown: choose from empty, .*gist"):
        COMPRESSORS.load("zzzzz")


def test_an_outside_plugin_is_found_by_its_entry_point(installed):
    installed(mine="gisteval.compressors.full:Full")
    plugins = Registry("compressor", "gisteval.compressors", {"own": "gisteval.compressors.gist.gist:Gist"})
    assert plugins.names() == ["mine", "own"]
    assert plugins.load("mine").name == "full"


def test_a_name_taken_twice_is_an_error(installed):
    installed(gist="other_package:Gist")
    with pytest.raises(GistevalError, match=r"'gist' is registered twice: .* other_package:Gist"):
        COMPRESSORS.load("none")


def test_the_same_plugin_announced_twice_is_no_error(installed):
    installed(gist="gisteval.compressors.gist.gist:Gist")
    assert COMPRESSORS.load("gist").name == "gist"


def test_nothing_is_imported_before_it_is_asked_for():
    plugins = Registry("thing", "gisteval.things", {"broken": "no_such_module:thing"})
    assert plugins.names() == ["broken"]
