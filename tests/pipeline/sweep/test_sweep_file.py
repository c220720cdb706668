"""Files of sweeps: every combination once, layers of fields, and faults that name their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from gisteval.errors import GistevalError
from gisteval.pipeline.sweep.sweep_file import MOST_RUNS, read_sweep


def read(folder: Path, text: str):
    (folder / "s.yaml").write_text(text)
    return read_sweep(folder / "s.yaml")


def test_a_grid_is_the_product_and_its_last_field_changes_fastest(tmp_path: Path) -> None:
    found = read(tmp_path, "common: {limit: 3}\ngrid: {seeds: [1, 2], budgets: [4, 5, 6]}\n")
    assert [(one.seed, one.budgets) for one in found] == [(s, (f"{b}",)) for s in (1, 2) for b in (4, 5, 6)]
    assert {one.limit for one in found} == {3}


def test_an_entry_replaces_what_is_common(tmp_path: Path) -> None:
    found = read(tmp_path, "common: {limit: 3, seed: 1}\nentries: [{limit: 5}, {seed: 2}]\n")
    assert [(one.limit, one.seed) for one in found] == [(5, 1), (3, 2)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("grids: {}", "unknown section 'grids' .did you mean 'grid'"),
        ("common: {seed: 1}", "has no entry"),
        ("grid: {seeds: 3}", "grid: field 'seeds' must be a list"),
        ("grid: {seeds: [1], seed: [2]}", "field 'seed' is given twice"),
        ("entries: {}", "entries must be a list"),
        ("entries: [{}, 3]", "entry 2 must be a mapping"),
        ("entries: [{sed: 1}]", "entry 1: unknown field 'sed'"),
        ("entries: [{output: x}]", "entry 1: field 'output' can't be set"),
        ("common: {condition: gists}\nentries: [{}]", "entry 1: condition 'gists' is unknown"),
        (f"grid: {{seeds: {list(range(101))}, ks: {list(range(1, 101))}}}", f"more than {MOST_RUNS:,}"),
        ("[]", "must be a YAML mapping"),
    ],
)
def test_faults_name_their_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(GistevalError, match=message):
        read(tmp_path, text)
