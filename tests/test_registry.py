"""Plugins by name."""

from __future__ import annotations

import pytest

from gisteval import registry
from gisteval.errors import GistevalError
from gisteval.registry import COMPRESSORS, GENERATORS, METRICS, Registry, split_specs


@pytest.mark.parametrize("plugins", [COMPRESSORS, GENERATORS, METRICS])
def test_every_reference_leads_to_a_plugin(plugins: Registry) -> None:
    assert all(callable(plugins.load(name)) for name in plugins.names())


def test_an_old_name_leads_to_the_present_plugin() -> None:
    assert COMPRESSORS.load("none") is COMPRESSORS.load("full")
    assert COMPRESSORS.former("full") == "none"
    assert COMPRESSORS.former("gist") == "gist"


def test_a_name_that_is_taken_twice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Entry:
        name, value = "gist", "elsewhere:Gist"

    monkeypatch.setattr(registry, "installed_plugins", lambda group, path: [Entry()])
    with pytest.raises(GistevalError, match="'gist' is registered twice"):
        COMPRESSORS.names()


def test_commas_separate_specs_and_their_settings() -> None:
    assert split_specs("gist,snapkv:window=32,kernel=7,h2o") == ["gist", "snapkv:window=32,kernel=7", "h2o"]
    assert split_specs("a:x=1,b:y=2") == ["a:x=1", "b:y=2"]
    assert split_specs(" ,") == []
