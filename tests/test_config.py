"""The plain form of a configuration."""

from __future__ import annotations

import pytest

from gisteval.config import RunConfig
from gisteval.config_file import read_config


def test_what_changes_no_record_is_not_in_a_manifest() -> None:
    """So manifests of earlier versions stay equal."""
    plain = RunConfig().to_json()
    assert not {"choose", "diagnose", "samples", "temperature", "log_to"} & plain.keys()
    assert RunConfig(log_to=("mlflow",)).to_json() == plain
    drawn = RunConfig(samples=3, temperature=0.5).to_json()
    assert (drawn["samples"], drawn["temperature"]) == (3, 0.5)


@pytest.mark.parametrize(
    ("given", "stored"),
    [({}, None), ({"budget": 16}, 16), ({"budget": "25%"}, "25%"), ({"budget": "4,50%"}, [4, "50%"])],
)
def test_a_manifest_holds_budgets_as_older_ones_did(given: dict[str, object], stored: object) -> None:
    """A single number stays a number: folders of sweeps are named by a digest of it."""
    content = read_config(None, given).to_json()
    assert content["budget"] == stored and "budgets" not in content
    assert read_config(None, content) == read_config(None, given)
