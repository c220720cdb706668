"""Inputs that a prompt is studied with."""

from __future__ import annotations

import pytest
from random_models import random_model

from gisteval.compressors import study
from gisteval.compressors.study import draw_inputs, inputs_digest, training_inputs
from gisteval.errors import GistevalError

ROWS = [("say", "cats", "a"), ("say", "dogs", "b"), ("again", "cats", "c"), ("say", "yes no", "d")]


def test_the_first_training_examples_give_each_input_once(write_task, tmp_path, monkeypatch) -> None:
    task = str(write_task(tmp_path / "task", ROWS, "train", "test"))
    assert training_inputs(task) == ("cats", "dogs", "yes no")
    again = str(write_task(tmp_path / "again", ROWS[::-1], "train"))
    assert inputs_digest(task) != inputs_digest(again)
    monkeypatch.setattr(study, "MOST", 3)
    assert training_inputs(str(write_task(tmp_path / "few", ROWS, "train"))) == ("cats", "dogs")
    with pytest.raises(GistevalError, match="has no split 'train' to take inputs from"):
        training_inputs(str(write_task(tmp_path / "none", ROWS, "test")))


def test_drawn_inputs_are_short_and_repeat_where_there_are_few(write_task, tmp_path) -> None:
    model = random_model("llama", k=0)
    task = str(write_task(tmp_path / "task", [*ROWS, ("say", "yes no cats", "e")], "train"))
    lengths = {len(ids) for ids in model.tokens.continuations(["cats", "dogs", "yes no"])}
    tokens = 2 * max(lengths)
    assert len(model.tokens.continuations(["yes no cats"])[0]) <= tokens
    drawn = draw_inputs(model, task, 7, tokens, seed=3)
    assert len(drawn) == 7 and {len(ids) for ids in drawn} <= lengths
    assert sorted(map(tuple, drawn[:3])) == sorted(
        map(tuple, model.tokens.continuations(["cats", "dogs", "yes no"]))
    )
    assert drawn[:3] == drawn[3:6] and draw_inputs(model, task, 7, tokens, seed=3) == drawn
    with pytest.raises(GistevalError, match=r"no input of .* is as short as 1 tokens.*: raise tokens="):
        draw_inputs(model, task, 1, 2, seed=0)
