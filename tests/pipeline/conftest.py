"""Running the command line in this process, and small task folders."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
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


@pytest.fixture
def make_run(tmp_path) -> Callable[..., Path]:
    """Makes a finished run of a positive control and others: make_run({"pos": [...], "gist-1": [...]}).

    Each system has a list of outputs, one an example; the reference outputs are "ref 0", "ref 1", ... The
    first system is the positive control.
    """
    from gisteval.run_folder import RunFolder
    from gisteval.schema import Example, Generation
    from gisteval.store import RecordWriter

    def make(outputs: dict[str, list[str]], name: str = "run", instruction: str = "say {}") -> Path:
        count = len(next(iter(outputs.values())))
        examples = [
            Example(f"e{n}", "t", "test", instruction.format(n), "", f"ref {n}") for n in range(count)
        ]
        reference = next(iter(outputs))
        systems = [
            {
                "name": system,
                "role": "positive" if system == reference else "candidate",
                "reference": reference,
                "condition": "pos_control" if system == reference else "gist",
                "control": "trained" if system == reference else None,
                "compressor": "none" if system == reference else "gist",
                "k": 1,
            }
            for system in outputs
        ]
        folder = RunFolder(tmp_path / name)
        manifest = {
            "identity": {"task": "t"},
            "command": ["test"],
            "versions": {},
            "device": "cpu",
            "dtype": "float32",
            "systems": systems,
            "splits": {"test": count},
            "self_check": {},
            "judges": {},
        }
        folder.claim(manifest, {"test": examples})
        for system, texts in outputs.items():
            with RecordWriter(folder.generations(system)) as writer:
                for example, text in zip(examples, texts, strict=True):
                    record = Generation(
                        key=f"{system} {example.id}",
                        example=example.id,
                        content=example.content_id,
                        task="t",
                        split="test",
                        system=system,
                        condition="gist",
                        control=None,
                        compressor="gist",
                        k=1,
                        output=text,
                        output_tokens=2,
                        finished=True,
                        source_tokens=3,
                        template_tokens=1,
                        kept=1,
                        bytes=8,
                        nll=None,
                        target_tokens=2,
                    )
                    writer.write([asdict(record)])
        folder.write_results([], "task:t", {})
        return folder.path

    return make
