"""Executors that are asked for wrongly: one line each, before anything starts."""

from __future__ import annotations

import sys

import pytest


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--executor", "rai"], "executor 'rai' is unknown (did you mean 'ray'?): choose local or ray"),
        (["--num-workers", 2], "--num-workers is an option of --executor ray"),
        (["--ray-address", "auto"], "--ray-address is an option of --executor ray"),
        (["--executor", "ray", "--num-workers", 0], "num-workers must be at least 1, not 0"),
        (["--executor", "ray", "--gpus-per-worker", 1.5], "must be a part of one GPU or a whole number"),
        (["--executor", "ray", "--device", "cuda:1"], "Ray chooses the GPUs"),
        (["--executor", "ray", "--device", "cuda", "--gpus-per-worker", 0], "Ray chooses the GPUs"),
    ],
)
def test_run_refuses(tiny_suite, tiny_task, refused, options: list[object], says: str) -> None:
    assert says in refused("run", "--model", tiny_suite, "--task", tiny_task, *options)


def test_dtype_is_asked_for_where_no_gpu_can_decide_it(tiny_suite, tiny_task, refused, monkeypatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    arguments = ("run", "--model", tiny_suite, "--task", tiny_task, "--executor", "ray")
    assert "give --dtype bfloat16" in refused(*arguments, "--gpus-per-worker", 1)


def test_a_judge_that_asks_a_server_needs_no_workers(make_run, refused) -> None:
    run = make_run({"pos": ["a"], "gist-1": ["b"]})
    assert "asks a server" in refused("judge", run, "--judge", "openai", "--executor", "ray")
    assert "--num-workers is an option" in refused("judge", run, "--num-workers", 2)


def test_without_ray_one_line_says_what_to_install(
    tiny_suite, tiny_task, tmp_path, refused, monkeypatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    arguments = ("run", "--model", tiny_suite, "--task", tiny_task, "--output", tmp_path / "run")
    line = refused(*arguments, "--executor", "ray")
    assert "the package 'ray' is not installed: run pip install 'gisteval[ray]'" in line
    assert not (tmp_path / "run").exists()
