"""`gisteval gate` and `gisteval compare` from the command line: exit codes, files, a real run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gisteval.cli import app as cli

SUITE = Path(__file__).parents[2] / "checkpoints" / "wordplay-llama"


def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: object):
    """Exit code, stdout and stderr of one command."""
    monkeypatch.setattr(sys, "argv", ["gisteval", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    printed = capsys.readouterr()
    return caught.value.code, printed.out, printed.err


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real runs of two checkpoints of the demo suite on 48 examples, each asked for alone."""
    import gisteval

    folder = tmp_path_factory.mktemp("runs")
    for member in ("gist-1", "neg_control"):
        gisteval.run(model=SUITE / member, split="human", limit=48, output=folder / member)
    return folder


def test_real_runs(runs: Path, tmp_path: Path, capsys, monkeypatch) -> None:
    gist, negative = runs / "gist-1", runs / "neg_control"
    systems = json.loads((negative / "manifest.json").read_text())["systems"]
    assert [s["name"] for s in systems if s["evaluated"]] == ["wordplay-llama-neg_control-1"]
    junit = tmp_path / "gate.xml"
    arguments = ("gate", negative, "--baseline", gist, "--metric", "rougeL", "--junit", junit)
    code, out, _ = call(capsys, monkeypatch, *arguments)
    assert code == 1
    assert "candidate wordplay-llama-neg_control-1" in out
    assert out.endswith("FAIL\n")
    assert 'failures="1"' in junit.read_text()
    code, out, _ = call(capsys, monkeypatch, *arguments, "--json")
    assert (code, json.loads(out)["outcome"]) == (1, "FAIL")
    # The same run on both sides: nothing changed, but 48 ties can't exclude a loss of 1 point.
    same = ("gate", gist, "--baseline", gist, "--metric", "rougeL", "--margin")
    assert call(capsys, monkeypatch, *same, "20")[0] == 0
    assert call(capsys, monkeypatch, *same, "1")[0] == 3
    assert call(capsys, monkeypatch, *same, "1", "--inconclusive", "pass")[0] == 0
    code, out, _ = call(capsys, monkeypatch, "compare", negative, gist, "--changed", "1", "--json")
    found = json.loads(out)
    row = next(row for row in found["differences"] if row["metric"] == "rougeL")
    results = [json.loads((run / "results.json").read_text())["rows"] for run in (negative, gist)]
    names = ("wordplay-llama-neg_control-1", "wordplay-llama-gist-1")
    expected = [
        next(r["value"] for r in rows if (r["system"], r["metric"]) == (name, "rougeL"))
        for rows, name in zip(results, names, strict=True)
    ]
    assert code == 0
    assert (row["first"], row["second"]) == pytest.approx(tuple(expected))
    assert len(found["changes"]) == 1
    code, out, _ = call(capsys, monkeypatch, "compare", negative, gist)
    assert code == 0
    assert "wordplay-llama-neg_control-1 of" in out and "p (Holm)" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give two runs: gisteval gate CANDIDATE --baseline BASELINE"),
        (("a", "--baseline", "b"), "a holds no run (no manifest.json)"),
        (("--plan", "--margin", "0"), "--margin is in points"),
        (("a", "--baseline", "b", "--plan", "--junit", "x.xml"), "--plan gives no verdict"),
        (("a", "--baseline", "b", "--metric", "bleu"), "metric 'bleu' is unknown"),
        (("a", "--baseline", "b", "--margin", "wide"), "--margin is a number such as 5, 10%gap"),
    ],
)
def test_usage_errors_are_one_line(capsys, monkeypatch, tmp_path, arguments, message) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = call(capsys, monkeypatch, "gate", *arguments)
    assert (code, out) == (2, "")
    assert message in err and err.count("\n") == 1


def test_an_invalid_run_is_exit_code_four(capsys, monkeypatch, runs: Path) -> None:
    code, _, err = call(
        capsys, monkeypatch, "gate", runs / "gist-1", "--baseline", runs / "gist-1", "--json"
    )
    if code == 4:  # nobody judged the run
        assert "was not judged" in err
    code, _, err = call(
        capsys, monkeypatch, "gate", runs / "gist-1", "--baseline", runs / "gist-1", "--judge", "x"
    )
    assert code == 4
    assert "was not judged by x" in err


def test_plan_without_runs(capsys, monkeypatch) -> None:
    code, out, _ = call(capsys, monkeypatch, "gate", "--plan", "--margin", "3", "--json")
    assert code == 0
    assert json.loads(out)[0]["needed"]["3.0"] > 1000
    assert "<- --margin" in call(capsys, monkeypatch, "gate", "--plan")[1]


def test_the_gate_runs_without_torch(runs: Path) -> None:
    code = (
        "import sys\n"
        f"sys.argv = ['gisteval', 'gate', {str(runs / 'neg_control')!r}, '--baseline', "
        f"{str(runs / 'gist-1')!r}, '--metric', 'rougeL']\n"
        "from gisteval.cli.app import main\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        "    print(sorted({'torch', 'transformers'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert done.stdout.endswith("FAIL\n")
    assert done.stderr == "[]\n"
