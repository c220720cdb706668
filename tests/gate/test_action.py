"""The steps of action.yml, run as GitHub's runner does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from github_comments import Comments, comment_server

from gisteval.integrations.github import MARKER

ROOT = Path(__file__).parents[2]


@pytest.fixture
def server() -> Iterator[tuple[type[Comments], dict[str, str]]]:
    with comment_server() as serving:
        yield serving


@pytest.fixture
def steps(tmp_path: Path, server) -> Callable[..., list[subprocess.CompletedProcess[str]]]:
    """Runs the action's own steps but the installation, as a runner does, and stops where one fails."""

    def run(**inputs: str) -> list[subprocess.CompletedProcess[str]]:
        action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
        values = {name: field.get("default", "") for name, field in action["inputs"].items()} | inputs
        (tmp_path / "bin").mkdir()
        for name, module in (("gisteval", "-m gisteval"), ("python", "")):
            (tmp_path / "bin" / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {module} "$@"\n')
            (tmp_path / "bin" / name).chmod(0o755)
        outputs = tmp_path / "output"
        known = {
            **server[1],
            "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
            "GITHUB_OUTPUT": str(outputs),
        }
        done = []
        for step in action["runs"]["steps"]:
            if "run" not in step or step["name"] == "Install":
                continue
            set_by_steps = (
                dict(line.split("=", 1) for line in outputs.read_text().splitlines())
                if outputs.exists()
                else {}
            )
            asked = {f"inputs.{name}": value for name, value in values.items()}
            asked |= {f"steps.gate.outputs.{name}": value for name, value in set_by_steps.items()}
            asked["inputs.comment == 'true' && github.event.pull_request.number || ''"] = "7"
            asked["inputs.token"] = "secret-of-the-test"
            if step.get("if") == "steps.gate.outputs.outcome != ''" and not set_by_steps["outcome"]:
                continue
            own = {name: asked[text[3:-2].strip()] for name, text in step.get("env", {}).items()}
            shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
            environment = {**os.environ, **known, **own}
            done.append(
                subprocess.run(shell, cwd=tmp_path, env=environment, capture_output=True, text=True)
            )
            if done[-1].returncode:
                break
        return done

    return run


def test_the_action_gates_comments_and_fails_as_the_gate_does(
    steps, make_run, server, tmp_path: Path
) -> None:
    make_run("runs/baseline", [0.5] * 120)
    make_run("runs/candidate", [0.0, 0.5] * 60, system="gist-2")
    done = steps(candidate="runs/candidate", baseline="runs/baseline", split="human")
    assert [d.returncode for d in done] == [0, 0, 0, 1], [d.stderr for d in done]
    (comment,) = server[0].kept
    assert comment["body"].startswith(f"{MARKER}\n### gisteval gate: FAIL")
    assert (tmp_path / "summary.md").read_text() == comment["body"]
    assert done[2].stdout.startswith("::error title=gisteval gate%3A ")
    assert (tmp_path / "gisteval-gate" / "gate.xml").is_file()


def test_runs_that_do_not_match_fail_without_a_comment(steps, make_run, server) -> None:
    make_run("runs/baseline", [0.5] * 20)
    make_run("runs/candidate", [0.5] * 30)
    done = steps(candidate="runs/candidate", baseline="runs/baseline")
    assert [d.returncode for d in done] == [0, 0, 4]
    assert server[0].kept == []
