"""The workflow in docs/: it parses, and its commands do what it says."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / "docs" / "gisteval-gate.yml"


@pytest.fixture
def workflow() -> dict[Any, Any]:
    return yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))


@pytest.fixture
def step(workflow: dict[Any, Any], tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a named step as GitHub does, in tmp_path; `extra` is added to every gisteval command."""

    def run(name: str, extra: str = "") -> subprocess.CompletedProcess[str]:
        script = next(s["run"] for s in workflow["jobs"]["gate"]["steps"] if s.get("name") == name)
        command = tmp_path / "bin" / "gisteval"
        command.parent.mkdir(exist_ok=True)
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gisteval "$@" {extra}\n')
        command.chmod(0o755)
        environment = {
            **os.environ,
            **workflow["env"],
            "PATH": f"{command.parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        }
        shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        return subprocess.run(
            shell, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    return run


def test_it_runs_on_pull_requests_with_few_rights(workflow: dict[Any, Any]) -> None:
    assert "pull_request" in workflow[True]  # YAML 1.1 reads the key `on` as true
    assert workflow["permissions"] == {"contents": "read"}
    assert all(isinstance(value, str) for value in workflow["env"].values())
    steps = workflow["jobs"]["gate"]["steps"]
    assert all(("run" in found) != ("uses" in found) for found in steps)
    names = [found.get("name") for found in steps]
    assert names.index("Evaluate both") < names.index("Gate") < names.index("What changed")


def test_the_evaluation_is_one_that_gisteval_accepts(step, tmp_path: Path) -> None:
    (tmp_path / "checkpoints").symlink_to(ROOT / "checkpoints")
    done = step("Evaluate both", extra="--dry-run --json")
    assert done.returncode == 0, done.stderr
    assert '"output": "runs/candidate"' in done.stdout


@pytest.mark.parametrize(("worse", "code"), [(False, 0), (True, 1)])
def test_the_gate_decides_and_leaves_its_files(
    make_run, step, tmp_path: Path, worse: bool, code: int
) -> None:
    good = {"unseen": [0.5, 1.0, 0.0, 0.5] * 40, "human": [0.5] * 120}
    bad = {**good, "human": [0.0, 0.5] * 60}
    make_run("runs/baseline", good)
    make_run("runs/candidate", bad if worse else good, system="gist-2")
    done = step("Gate")
    assert done.returncode == code, done.stderr
    verdict = "FAIL" if worse else "PASS"
    assert done.stdout.endswith(f"{verdict}\n")
    assert (tmp_path / "summary.md").read_text() == done.stdout
    suite = ElementTree.parse(tmp_path / "gate.xml").getroot().find("testsuite")
    assert suite is not None and (suite.get("tests"), suite.get("failures")) == ("2", str(code))
    changed = step("What changed")
    assert changed.returncode == 0, changed.stderr
    assert "win_rate (reference)" in changed.stdout


def test_the_gate_stops_at_runs_that_do_not_match(make_run, step) -> None:
    make_run("runs/baseline", [0.5] * 20)
    make_run("runs/candidate", [0.5] * 30)
    done = step("Gate")
    assert done.returncode == 4
    assert done.stderr.count("\n") == 1
