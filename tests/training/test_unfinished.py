"""The folder of a training that has not finished."""

from __future__ import annotations

import errno
import json

import pytest

from gisteval.errors import GistevalError
from gisteval.training.recipe import build_recipe
from gisteval.training.unfinished import (
    full_disk_as_expected_error,
    last_saved_step,
    record_recipe,
    unfinished_folder,
)

FIELDS = {"task": "tiny", "family": "tiny", "condition": "gist", "scratch": {}, "steps": 6}
RECIPE = build_recipe(FIELDS, "test")


def saved_step(output, step: int, state: str):
    folder = unfinished_folder(output) / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    (folder / "trainer_state.json").write_text(state)
    return folder


def test_a_folder_belongs_to_one_recipe(tmp_path):
    record_recipe(tmp_path, RECIPE)
    record_recipe(tmp_path, RECIPE)
    with pytest.raises(GistevalError, match="another recipe: delete it to start afresh"):
        record_recipe(tmp_path, build_recipe({**FIELDS, "steps": 7}, "test"))


@pytest.mark.parametrize("damage", [None, '{"task": "ti'])
def test_steps_without_a_recipe_are_refused(tmp_path, damage):
    saved_step(tmp_path, 3, "{}")
    if damage is not None:
        (unfinished_folder(tmp_path) / "recipe.json").write_text(damage)
    with pytest.raises(GistevalError, match=r"recipe\.json is missing or damaged"):
        record_recipe(tmp_path, RECIPE)


def test_the_newest_complete_step_counts_by_its_number(tmp_path):
    assert last_saved_step(tmp_path) is None
    state = json.dumps({"global_step": 9})
    saved_step(tmp_path, 9, state)
    newest = saved_step(tmp_path, 12, state)
    saved_step(tmp_path, 15, state[:-1])
    assert last_saved_step(tmp_path) == str(newest)


def test_other_errors_pass_unchanged(tmp_path):
    with pytest.raises(RuntimeError, match="shapes differ"), full_disk_as_expected_error(tmp_path):
        raise RuntimeError("shapes differ")
    with pytest.raises(GistevalError, match="no disk space left"), full_disk_as_expected_error(tmp_path):
        raise OSError(errno.ENOSPC, "No space left on device")
