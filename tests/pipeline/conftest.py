"""Running the command line in this process, and small task folders."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Outcome:
    """How one command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def gisteval(monkeypatch, capsys) -> Callable[..., Outcome]:
    """Calls the entry point as a shell would: gisteval("run", "--model", path) -> Outcome."""
    from gisteval.cli import main

    def call(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["gisteval", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), captured.out, captured.err)

    return call


@pytest.fixture
def refused(gisteval) -> Callable[..., str]:
    """Runs a command that must fail: its one line on stderr, after checking that it is only that."""

    def call(*arguments: object, code: int = 2) -> str:
        outcome = gisteval(*arguments)
        assert (outcome.code, outcome.out) == (code, ""), outcome
        lines = outcome.err.splitlines()
        assert len(lines) == 1, outcome.err
        assert lines[0].startswith("gisteval: ")
        return lines[0]

    return call


@pytest.fixture(scope="session")
def write_task() -> Callable[..., Path]:
    """Makes a task folder: write_task(folder, [("say cats", "dogs", "worlds"), ...], "test")."""

    def write(folder: Path, examples: Sequence[tuple[str, str, str]], *splits: str) -> Path:
        folder.mkdir(parents=True)
        names = ("instruction", "input", "output")
        lines = [json.dumps(dict(zip(names, example, strict=True))) + "\n" for example in examples]
        (folder / "data.jsonl").write_text("".join(lines))
        files = "".join(f"  {split}: {{file: data.jsonl}}\n" for split in splits or ("test",))
        (folder / "task.yaml").write_text(
            "name: small\nversion: 1\ndescription: for tests\nlicense: Apache-2.0\nmax_new_tokens: 4\n"
            f"splits:\n{files}"
        )
        return folder

    return write


@pytest.fixture(scope="session")
def records() -> Callable[[Path], dict[str, list[str]]]:
    """The lines of a run's generations, sorted, by file name."""

    def read(run: Path) -> dict[str, list[str]]:
        files = sorted((run / "generations").glob("*.jsonl"))
        return {file.name: sorted(file.read_text(encoding="utf-8").splitlines()) for file in files}

    return read


@pytest.fixture(scope="session")
def results() -> Callable[[Path], dict[str, Any]]:
    """A run's results.json."""

    def read(run: Path) -> dict[str, Any]:
        return json.loads((run / "results.json").read_text(encoding="utf-8"))

    return read
