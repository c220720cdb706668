"""`benchmarks/engines.py` without foreign engines: our side and transformers on a bundled checkpoint."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from gisteval.errors import GistevalError
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.models.checkpoints.loading import load_model
from gisteval.models.running.base import PromptModel

ROOT = Path(__file__).parents[2]
CHECKPOINT = ROOT / "checkpoints" / "wordplay-llama" / "pos_control"
MODULES = (
    "engines",
    "engine_environments",
    "engine_run",
    "engine_servers",
    "engine_sides",
    "engine_table",
    "engine_workload",
)


@pytest.fixture(scope="module")
def scripts() -> Iterator[dict[str, ModuleType]]:
    """The modules of the benchmark, which import each other as the files beside them."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        yield {name: importlib.import_module(name) for name in MODULES}
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))
        for name in MODULES:
            del sys.modules[name]


@pytest.fixture(scope="module")
def model() -> PromptModel:
    return load_model(inspect_checkpoint(CHECKPOINT), torch.device("cpu"), torch.float32)


@pytest.fixture(scope="module")
def job(scripts: dict[str, ModuleType], model: PromptModel) -> dict[str, Any]:
    found = scripts["engine_workload"].make_workload(model, [90, 40], [3, 5], 6)
    return {**found, "model": str(CHECKPOINT), "threads": torch.get_num_threads()}


def test_prompts_stand_from_short_to_long_with_their_inputs(job: dict[str, Any]) -> None:
    lengths = [len(prompt["ids"]) for prompt in job["prompts"]]
    assert [len(prompt["inputs"]) for prompt in job["prompts"]] == [5, 3]
    assert 30 < lengths[0] <= 40 and 80 < lengths[1] <= 90
    assert job["context"] >= lengths[1] + 6 + max(len(x["ids"]) for x in job["prompts"][1]["inputs"])
    texts = [x["text"] for prompt in job["prompts"] for x in prompt["inputs"]]
    assert len(set(texts)) == len(texts)
    short, long = (prompt["text"].split()[:3] for prompt in job["prompts"])
    assert short != long  # a cache of prefixes would serve both


def test_a_prompt_beyond_the_context_is_refused(scripts: dict[str, ModuleType], model: PromptModel) -> None:
    with pytest.raises(GistevalError, match="shorten --prompts"):
        scripts["engine_workload"].make_workload(model, [model.context + 10], [2], 6)


def test_float32_sides_give_the_same_answers(
    scripts: dict[str, ModuleType], model: PromptModel, job: dict[str, Any]
) -> None:
    run, read = scripts["engine_run"], model.tokens.decode
    answers = {}
    for name in ("ours-float32", "generate", "generate-copied"):
        side = run.SIDES[name](job)
        found = [run.measure(side, prompt, job["new_tokens"], 1e9) for prompt in job["prompts"]]
        assert [one["inputs"] for one in found] == [5, 3]
        assert all(one["seconds"] > 0 and one["peak_mb"] > 0 for one in found)
        answers[name] = [
            [answer if isinstance(answer, str) else read(answer) for answer in one["answers"]]
            for one in found
        ]
    assert any(answers["ours-float32"][0])
    assert answers["generate"] == answers["ours-float32"]
    assert answers["generate-copied"] == answers["ours-float32"]


def test_memory_is_the_programs_own(scripts: dict[str, ModuleType]) -> None:
    """A small program has little, however much its parent, which holds torch, has."""
    code = "import engine_run; print(engine_run.peak_kilobytes())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "benchmarks", capture_output=True, text=True, check=True
    )
    assert 1000 < int(done.stdout) < scripts["engine_run"].peak_kilobytes() / 4


class Slow:
    """A side that counts its inputs; every one reads the prompt, or several slots do."""

    def __init__(self, readings: int, keeps: bool = False) -> None:
        self.readings, self.keeps = readings, keeps
        self.asked: list[int] = []

    def answer(self, prompt: Any, inputs: list[Any], new_tokens: int) -> list[str]:
        self.asked.append(len(inputs))
        return ["x"] * len(inputs)


def test_a_side_that_reads_every_time_gets_what_fits(scripts: dict[str, ModuleType]) -> None:
    run, prompt = scripts["engine_run"], {"inputs": [{}] * 9}
    side = Slow(1)
    assert run.measure(side, prompt, 4, 0.0)["inputs"] == 1
    assert side.asked == [1, 1]
    assert run.measure(Slow(1), prompt, 4, 1e9)["inputs"] == 9
    keeper = Slow(1, keeps=True)
    assert run.measure(keeper, prompt, 4, 0.0)["inputs"] == 9
    assert keeper.asked == [1, 1, 9]
    assert "4 slots read the prompt" in run.measure(Slow(4, keeps=True), prompt, 4, 0.0)["left_out"]


def measured(answers: list[str], seconds: float) -> dict[str, Any]:
    part = {
        "inputs": len(answers),
        "seconds": seconds,
        "cpu_seconds": seconds,
        "read_seconds": 0.5,
        "further_seconds": 0.02,
        "peak_mb": 1234,
        "answers": answers,
    }
    return {"load_seconds": 1.0, "versions": {"torch": "2"}, "prompts": [part]}


ARGUMENTS = [
    "--prompts",
    "40",
    "--inputs",
    "2",
    "--sides",
    "ours-float32",
    "generate",
    "llama-q4",
    "--output",
]


@pytest.fixture
def faked(scripts: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Outcomes by side in place of processes; the sides that were run are in "ran"."""
    state: dict[str, Any] = {
        "ran": [],
        "ours-float32": measured(["a", "b"], 2.0),
        "generate": measured(["a", "b"], 8.0),
        "llama-q4": {"skipped": "xllamacpp is not installed"},
    }

    def run_side(name: str, workload: Path, given: Any, prompts: int) -> dict[str, Any]:
        state["ran"].append(name)
        state["prompts"] = prompts
        return json.loads(json.dumps(state[name]))  # type: ignore[no-any-return]

    monkeypatch.setattr(scripts["engines"], "prepare", lambda given: (Path("workload"), None))
    monkeypatch.setattr(scripts["engines"], "run_side", run_side)
    return state


def test_the_table_has_ratios_and_reasons(
    scripts: dict[str, ModuleType],
    faked: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = str(tmp_path / "results.json")
    assert scripts["engines"].main([*ARGUMENTS, output]) == 0
    printed = capsys.readouterr().out
    assert (
        "| ours, whole prompt cached | float32 | 1.00 | 1.00 to 1.00 | 0.50 | 20 | 1,234 | 2 of 2 |"
        in printed
    )
    assert "| transformers `generate` | float32 | 0.25 | 0.25 to 0.25 |" in printed
    assert "- xllamacpp, one at a time (4 bits): xllamacpp is not installed" in printed
    assert scripts["engines"].main([*ARGUMENTS, output, "--table"]) == 0
    assert capsys.readouterr().out == printed


def test_it_goes_on_where_it_was_interrupted(
    scripts: dict[str, ModuleType], faked: dict[str, Any], tmp_path: Path
) -> None:
    output = str(tmp_path / "results.json")
    scripts["engines"].main([*ARGUMENTS, output, "--rounds", "1"])
    scripts["engines"].main([*ARGUMENTS, output, "--rounds", "2"])
    first, again = ["ours-float32", "generate", "llama-q4"], ["llama-q4"]
    assert faked["ran"] == [*first, *again, *first]
    kept = json.loads(Path(output).read_text())["measured"]
    assert sorted((one["side"], one["round"]) for one in kept) == sorted(
        (side, number) for side in first for number in (0, 1)
    )


def test_long_prompts_are_measured_once_and_time_ends(
    scripts: dict[str, ModuleType], faked: dict[str, Any], tmp_path: Path
) -> None:
    output = str(tmp_path / "results.json")
    scripts["engines"].main([*ARGUMENTS, output, "--once-from", "40", "--minutes", "0"])
    assert faked["ran"] == []
    scripts["engines"].main([*ARGUMENTS, output, "--once-from", "40", "--rounds", "1"])
    assert faked["prompts"] == 1
    scripts["engines"].main([*ARGUMENTS, output, "--once-from", "40"])
    assert faked["prompts"] == 0


def test_measurements_with_other_settings_are_not_mixed(
    scripts: dict[str, ModuleType],
    faked: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = str(tmp_path / "results.json")
    scripts["engines"].main([*ARGUMENTS, output, "--rounds", "1"])
    assert scripts["engines"].main([*ARGUMENTS, output, "--new-tokens", "4"]) == 2
    assert "another new_tokens" in capsys.readouterr().err
    Path(output).write_text("{")
    assert scripts["engines"].main([*ARGUMENTS, output]) == 2


def test_other_answers_in_float32_are_a_failure(
    scripts: dict[str, ModuleType],
    faked: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    faked["generate"] = measured(["a", "c"], 8.0)
    assert scripts["engines"].main([*ARGUMENTS, str(tmp_path / "results.json")]) == 1
    assert "generate, prompt of 40 tokens: 1 of 2 answers" in capsys.readouterr().err


def test_other_answers_of_other_arithmetic_are_none(
    scripts: dict[str, ModuleType], faked: dict[str, Any], tmp_path: Path
) -> None:
    faked["llama-q4"] = measured(["a", "c"], 1.0)
    assert scripts["engines"].main([*ARGUMENTS, str(tmp_path / "results.json")]) == 0


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("echo 'ImportError: no such engine' >&2; exit 1", "ImportError: no such engine"),
        ("sleep 5", "not done within 0 s"),
        ("echo '{\"prompts\": []}'", None),
    ],
)
def test_a_process_that_fails_becomes_a_reason(
    scripts: dict[str, ModuleType],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    program: str,
    reason: str | None,
) -> None:
    engine, workload = tmp_path / "engine", tmp_path / "workload.json"
    engine.write_text(f"#!/bin/sh\n{program}\n")
    engine.chmod(0o755)
    workload.write_text("{}")
    monkeypatch.setattr(scripts["engines"], "interpreter", lambda name: str(engine))
    given = scripts["engines"].parse(["--timeout", "0.3"])
    found = scripts["engines"].run_side("generate", workload, given, 1)
    assert found == ({"prompts": []} if reason is None else {"skipped": reason})


def test_an_engine_that_is_not_installed_says_so(
    scripts: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environments = scripts["engine_environments"]
    monkeypatch.setattr(environments, "FOLDER", tmp_path)
    assert environments.why_missing("generate", {}) is None
    assert environments.why_missing("vllm-bfloat16", {}) == "vllm is not installed: make bench-engines"
    (tmp_path / "vllm.failed").write_text("No matching distribution found for torch\n")
    assert environments.why_missing("vllm-bfloat16", {}) == "No matching distribution found for torch"
    (tmp_path / "xllamacpp.installed").write_text("yes\n")
    assert environments.why_missing("llama-q4", {}) == "no gguf of this model"
    assert environments.why_missing("llama-q4", {"gguf": "model.gguf"}) is None


def test_a_failed_installation_says_why(scripts: dict[str, ModuleType]) -> None:
    explained = "The conflict is caused by:\n    engine 1.0 depends on torch==2.10.0+cpu"
    ran = scripts["engine_environments"].ran
    told = f"printf '{explained}\\n'; echo 'ERROR: Cannot install engine' >&2; exit 1"
    assert ran(["sh", "-c", told]) == "Cannot install engine (engine 1.0 depends on torch==2.10.0+cpu)"
    assert ran(["sh", "-c", "echo no >&2; exit 3"]) == "no"
    assert ran(["sh", "-c", "exit 3"]) == "exit code 3"
    assert ran(["true"]) is None


def test_every_side_has_its_words(scripts: dict[str, ModuleType]) -> None:
    assert set(scripts["engine_table"].WHAT) == set(scripts["engine_run"].SIDES)
    assert set(scripts["engine_environments"].NEEDS) <= set(scripts["engine_run"].SIDES)
