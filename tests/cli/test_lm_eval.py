"""`gisteval lm-eval` from the outside."""

from __future__ import annotations

import functools
import json
import subprocess
import sys

import lm_eval.config.evaluate_config
import lm_eval.tasks
import pytest

from gisteval.cli.app import app
from gisteval.cli.lm_eval import with_defaults
from gisteval.content import find_content
from gisteval.errors import GistevalError

TASKS = ["--include_path", str(find_content("tasks"))]


@pytest.fixture(autouse=True)
def own_tasks_only(monkeypatch):
    """lm-eval's own task files take seconds to read."""
    manager = functools.partial(lm_eval.tasks.TaskManager, include_defaults=False)
    monkeypatch.setattr(lm_eval.tasks, "TaskManager", manager)


def call(*arguments: str) -> None:
    app(["lm-eval", *arguments], standalone_mode=False)


def test_a_task_is_run_and_its_results_written(capsys, tiny_suite, tmp_path):
    call(
        *("--model", "gist", "--model_args", f"pretrained={tiny_suite / 'gist-1'},dtype=float32"),
        *("--tasks", "gisteval_wordplay_human", "--limit", "2", "--output_path", str(tmp_path)),
    )
    assert "rougeL" in capsys.readouterr().out
    (file,) = tmp_path.rglob("results*.json")
    found = json.loads(file.read_text())
    assert found["config"]["gist_condition"] == "gist"
    assert found["config"]["gist_compress"] == "until:Instruction: {instruction}\n"
    assert found["config"]["batch_size"] == "auto"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], []),
        (["--help"], ["--help"]),
        (["ls", "tasks"], ["ls", "tasks"]),
        (["--config", "a.yaml"], ["--config", "a.yaml"]),
        (["--model", "hf"], ["run", *TASKS, "--model", "hf"]),
        (["run", "-M", "gist"], ["run", *TASKS, "--batch_size", "auto", "-M", "gist"]),
        (["--model=gist", "-b", "2"], ["run", *TASKS, "--batch_size", "auto", "--model=gist", "-b", "2"]),
    ],
)
def test_defaults_come_before_what_is_given(given, expected):
    assert with_defaults(given) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "gist", "--tasks", "no_such_task"], "no_such_task"),
        (["--model", "gits", "--tasks", "gisteval_wordplay_human"], "gits"),
        (
            ["--model", "gist", "--model_args", "pretrained=nowhere", "--tasks", "gisteval_wordplay_human"],
            "nowhere",
        ),
    ],
)
def test_a_mistake_is_one_line(arguments, message):
    with pytest.raises(GistevalError, match=message) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)


def test_without_lm_eval_the_extra_is_named(monkeypatch):
    program = "import sys; sys.modules['lm_eval'] = None; from gisteval.cli.app import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "lm-eval", "--tasks", "x"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "gisteval: the package 'lm-eval' is not installed: run pip install 'gisteval[lm-eval]'"
    ]
