"""The command line itself: what it imports, where it writes, its exit codes, and `score`."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gisteval.cli import app as cli
from gisteval.errors import GistevalError, InvalidRun

HEAVY = ("torch", "transformers", "pandas", "scipy", "datasets", "peft", "yaml", "numpy")
RECORDS_WING = (
    "stats",
    "metrics",
    "report.tables",
    "report.markdown",
    "pipeline.score_files",
    "records.store",
    "tasks",
)


def python(code: str, **streams: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], text=True, capture_output=not streams, **streams)


@pytest.fixture
def call(monkeypatch, capsys) -> Callable[..., tuple[int, str, str]]:
    """Calls the entry point: call("ls", "tasks") -> (exit code, stdout, stderr)."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gisteval", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return run


@pytest.mark.parametrize("arguments", [["--help"], ["run", "-h"], ["score", "--help"]], ids=" ".join)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        f"import sys; sys.argv = ['gisteval', *{arguments}]\n"
        "from gisteval.cli.app import main\n"
        "try: main()\n"
        f"finally: print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)\n"
    )
    done = python(code)
    assert (done.returncode, done.stderr.strip()) == (0, "[]")
    assert "Usage: " in done.stdout


def test_the_records_wing_needs_no_torch() -> None:
    modules = ", ".join(f"gisteval.{name}" for name in RECORDS_WING)
    heavy = "[name for name in ('torch', 'transformers') if name in sys.modules]"
    done = python(f"import sys, gisteval, {modules}; print({heavy})")
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


def test_without_arguments_there_is_help(call) -> None:
    code, out, err = call()
    assert (code, err) == (0, "")
    for command in ("run", "score", "train", "compress", "ls", "validate"):
        assert command in out


def test_the_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gisteval", "ls", "nothing"], text=True, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("gisteval: nothing to list under 'nothing'")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense"], "gisteval: No such command 'nonsense': see gisteval --help\n"),
        (["ls"], "gisteval: Missing argument 'kind': see gisteval ls --help\n"),
        (["score"], "see gisteval score --help\n"),
        (["run", "--limit", "x"], "see gisteval run --help\n"),
        (["run", "--batch-size"], "Option '--batch-size' requires an argument"),
        (["--nonsense"], "No such option: --nonsense"),
    ],
)
def test_usage_errors_are_one_line_and_exit_2(call, arguments: list[str], message: str) -> None:
    code, out, err = call(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("gisteval: ") and message in err


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (GistevalError("what:\n  where"), 2, "gisteval: what:   where\n"),
        (InvalidRun("too few"), 4, "gisteval: too few\n"),
        (KeyboardInterrupt(), 130, "gisteval: interrupted; the same command goes on from here\n"),
        (OSError(28, "No space left", "/full/file"), 2, "gisteval: /full/file: No space left\n"),
    ],
)
def test_expected_ends(call, monkeypatch, error: BaseException, code: int, message: str) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr("gisteval.pipeline.score_files.score_file", fail)
    assert call("score", "file.csv") == (code, "", message)


LISTING = "import sys; sys.argv = ['gisteval', 'ls', 'tasks']; from gisteval.cli.app import main; main()"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_behind_stdout_is_one_line() -> None:
    with open("/dev/full", "w") as full:
        done = python(LISTING, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 2
    assert done.stderr == "gisteval: output: No space left on device\n"


def test_the_schema_of_configuration_files_is_printed(call) -> None:
    code, out, err = call("validate", "--schema")
    assert (code, err) == (0, "")
    assert json.loads(out)["properties"]["limit"]["minimum"] == 1


def test_both_spellings_of_options(call, tmp_path: Path) -> None:
    file = tmp_path / "my_file.csv"
    file.write_text("my_output,y_true\na,a\n")
    for option in ("--prediction_column", "--prediction-column"):
        for arguments in ([option, "my_output"], [f"{option}=my_output"]):
            code, out, err = call("score", file, *arguments, "--json")
            assert (code, err) == (0, "")
            assert json.loads(out)[0]["file"] == str(file)


def test_score_prints_a_line_or_a_row_a_file(call, tmp_path: Path) -> None:
    files = [tmp_path / "a.csv", tmp_path / "b.jsonl"]
    files[0].write_text("y_pred,y_true\nthe cat,the cat sat\nb,b\n")
    files[1].write_text('{"y_pred": "日本", "y_true": "日本"}\n')
    code, out, err = call("score", *files)
    assert code == 0
    assert err.startswith(f"warning: {files[1]}: 1 of 1 reference has no ASCII letter or digit")
    assert [line.split(": ")[0] for line in out.splitlines()] == [str(file) for file in files]
    rows = json.loads(call("score", *files, "--json")[1])
    assert [(row["file"], row["n"], row["exact_match"]) for row in rows] == [
        (str(files[0]), 2, 50.0),
        (str(files[1]), 1, 100.0),
    ]
    assert rows[0]["rougeL"] == pytest.approx(90.0)


def test_one_unusable_file_of_several(call, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("y_pred,y_true\nb,b\n")
    code, out, err = call("score", tmp_path / "a.csv", tmp_path / "absent.csv", "--json")
    assert (code, out) == (2, "")
    assert err.startswith(f"gisteval: {tmp_path / 'absent.csv'}: no such file") and err.count("\n") == 1


def test_score_of_the_papers_outputs(call, shared_data: Path) -> None:
    from rouge_score.rouge_scorer import RougeScorer

    with (shared_data / "paper" / "rouge.csv").open(newline="") as lines:
        published = {
            (f"LLaMA-{row['condition']}-1", row["split"]): float(row["value"])
            for row in csv.DictReader(lines)
        }
    files = {
        shared_data / "paper" / "model_outputs" / system / f"outputs-3000-validation_{split}.csv": value
        for (system, split), value in published.items()
    }
    code, out, _ = call("score", *files, "--json")
    assert code == 0
    rows = {Path(row["file"]): row for row in json.loads(out)}
    assert len(rows) == 9
    for file, value in files.items():
        assert rows[file]["rougeL"] == pytest.approx(value, abs=0.2)
        assert rows[file]["n"] == (252 if "human" in file.name else 1000)
    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    file = next(file for file in files if "human" in file.name and "gist" in file.parent.name)
    with file.open(encoding="utf-8", newline="") as lines:
        pairs = [(row["y_true"], row["y_pred"]) for row in csv.DictReader(lines)]
    expected = np.mean([100 * scorer.score(*pair)["rougeL"].fmeasure for pair in pairs])
    assert rows[file]["rougeL"] == pytest.approx(expected, abs=1e-9)
    matches = np.mean([100.0 * (reference.strip() == output.strip()) for reference, output in pairs])
    assert rows[file]["exact_match"] == pytest.approx(matches)
