"""benchmarks/cuda.py: tiny on a CPU from end to end, its limits and its tables; and its checks on a GPU."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "benchmarks" / "cuda.py"
CHECKS = (
    "members", "records", "out_of_memory", "quantised",
    "device_map", "evicted", "random_families", "every_family",
)  # fmt: skip
GPU = {"device": "A card", "cuda": True, "tiny": False}


@pytest.fixture(scope="module")
def benchmarks() -> Iterator[None]:
    """The folder's modules by name, behind those of the same name elsewhere."""
    sys.path.append(str(ROOT / "benchmarks"))
    yield
    sys.path.remove(str(ROOT / "benchmarks"))


@pytest.fixture(scope="module")
def script(benchmarks) -> Any:
    """The module `cuda` itself, by its file: an installed package may bear its name."""
    import importlib.util

    import transformers  # noqa: F401  # before a fork, which would spend its time on it

    spec = importlib.util.spec_from_file_location("cuda_script", SCRIPT)
    assert spec is not None and spec.loader is not None
    before = list(sys.path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path[:] = before


def setting(tmp_path: Path, device: str = "cpu", seconds: float = 60.0) -> Any:
    from cuda_lines import Setting

    return Setting(device, device == "cpu", tmp_path / "lines.jsonl", seconds)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU, and there is none here")
@pytest.mark.parametrize("check", CHECKS)
def test_on_a_gpu_two_ways_agree(check: str, benchmarks, tmp_path: Path) -> None:
    import cuda_equality

    assert [known.__name__ for known in cuda_equality.CHECKS] == list(CHECKS)
    lines = list(getattr(cuda_equality, check)(setting(tmp_path, "cuda")))
    assert [line for line in lines if line.get("ok") is False] == []
    assert any(line.get("ok") for line in lines) or all("left_out" in line for line in lines)


def test_the_script_runs_on_a_cpu_from_end_to_end(script, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    file = tmp_path / "lines.jsonl"
    assert script.main(["--device", "cpu", "--tiny", "--output", str(file)]) == 0
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert {(line["device"], line["cuda"], line["tiny"]) for line in lines} == {("cpu", False, True)}
    ends = {line["part"]: line["event"] for line in lines if "event" in line}
    parts = ("equality", "table3", "batches", "throughput", "memory", "training")
    assert ends == dict.fromkeys(parts, "ended")
    kinds = {line.get("kind") for line in lines if line.get("ok")}
    assert kinds >= {"demo suites", "records", "out of memory", "device maps", "evictors", "every family"}
    assert script.main(["--docs", str(file)]) == 2


def test_a_part_that_overruns_is_stopped_and_its_lines_stay(script, tmp_path: Path, monkeypatch) -> None:
    slow = ModuleType("cuda_slow")

    def lines(_: Any) -> Iterator[dict[str, Any]]:
        yield {"figure": 1}
        time.sleep(60)

    slow.lines = lines  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cuda_slow", slow)
    began = time.monotonic()
    script.run_part("slow", setting(tmp_path, seconds=3.0))
    assert time.monotonic() - began < 30
    first, last = [json.loads(line) for line in (tmp_path / "lines.jsonl").read_text().splitlines()]
    assert first["figure"] == 1 and last["event"] == "stopped" and last["part"] == "slow"


def test_a_part_that_breaks_is_a_problem_and_the_next_goes_on(script, tmp_path: Path, monkeypatch) -> None:
    def broken(_: Any) -> Iterator[dict[str, Any]]:
        raise ValueError("no such thing")
        yield {}

    for name, lines in (("cuda_broken", broken), ("cuda_sound", lambda _: [{"check": "one", "ok": True}])):
        module = ModuleType(name)
        module.lines = lines  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(script, "LIMITS", {"broken": 30, "sound": 30})
    lines = script.run_parts(["broken", "sound"], setting(tmp_path))
    assert [line["part"] for line in lines if line.get("event") == "ended"] == ["sound"]
    assert any(line.get("error") == "ValueError: no such thing" for line in lines)
    assert script.problems(lines) == ["broken: failed"]


def test_lines_that_were_torn_are_dropped(benchmarks, tmp_path: Path) -> None:
    from cuda_lines import append_line, read

    file = tmp_path / "lines.jsonl"
    append_line(file, {"a": 1})
    with file.open("a") as stream:
        stream.write('{"b": ')
    assert read(file) == [{"a": 1}]


def test_tables_of_a_gpu(benchmarks, tmp_path: Path) -> None:
    from cuda_tables import END, START, write_page

    check = {"part": "equality", "kind": "evictors", "dtype": "float16"}
    lines = [
        {"part": "machine", "torch": "2", "cuda_version": "13", "transformers": "5"},
        {**check, "check": "a", "ok": True, "nats": 1, "tolerance": 4},
        {**check, "check": "b", "ok": False, "reason": "apart"},
        {"part": "memory", "model": "1B", "dtype": "bfloat16", "said_bytes": 3.3e9, "found_bytes": 3e9,
         "apart": 0.1, "within_10_percent": True},
        {"part": "batches", "event": "stopped", "seconds": 80},
    ]  # fmt: skip
    file, page = tmp_path / "lines.jsonl", tmp_path / "cuda.md"
    file.write_text("".join(json.dumps({**GPU, **line}) + "\n" for line in lines))
    page.write_text(f"before\n{START}\nearlier figures\n{END}\nafter\n")
    assert write_page(file, page) == 0
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "earlier figures" not in text
    assert "Measured on one A card, torch 2 with CUDA 13" in text
    assert (
        "| evictors | float16 | 1 of 2 | 0.25 |" in text and "**b, float16: does not hold** (apart)" in text
    )
    assert "| 1B | bfloat16 | 3.30 | 3.00 | +10.0% | yes |" in text
    assert "Part *batches* was not finished: stopped (after 80 s)" in text


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"cuda": False, "device": "cpu"}, "a run on 'cpu'"),
        ({"tiny": True}, "a tiny run"),
        ({"device": "B"}, "several"),
    ],
)
def test_what_no_gpu_measured_never_reaches_the_page(
    change, reason, benchmarks, tmp_path: Path, capsys
) -> None:
    from cuda_tables import write_page

    file, page = tmp_path / "lines.jsonl", tmp_path / "cuda.md"
    whole = {**GPU, "part": "machine"}
    file.write_text("".join(json.dumps(line) + "\n" for line in (whole, {**whole, **change})))
    assert write_page(file, page) == 2 and not page.exists()
    assert reason in capsys.readouterr().err


def test_without_a_gpu_the_script_says_so(tmp_path: Path, script, capsys) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(SystemExit):
        script.main(["--output", str(tmp_path / "x")])
    assert "there is no GPU here" in capsys.readouterr().err
