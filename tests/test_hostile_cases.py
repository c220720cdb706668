"""The shared folder of hostile inputs, each case as its `cmd` says: one line, nothing else touched."""

from __future__ import annotations

import gzip
import json
import platform
import re
import resource
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from called_commands import patience
from filelock import SoftFileLock
from watched_files import listing, opened_files

from gisteval.content import find_content

KEYS = {
    "OPENAI_API_KEY": "sk-planted-0123456789",
    "AWS_SECRET_ACCESS_KEY": "aws-planted-000111222",
}
SECONDS = 300
"""For any case: what hung, hung for ever, or for an hour."""

MOST_MEMORY = 1 << 20
"""Kibibytes by which the peak of this process may grow; the bombs wanted 4 GiB and more."""

WRITTEN = ("out", "r", "run", "c.db")
"""What the cases call the folder of a run, and a judge's cache."""

DEMO = "wordplay-llama/gist-1"


@dataclass(frozen=True)
class Case:
    """How a case's last command ends. says: a pattern of its one line on stderr; empty: it succeeds."""

    code: int = 0
    says: str = ""


NO_ANSWER = r"(the last 20 requests to \S+ failed|gave no answer to)"
CASES = {
    "adapter_redos": Case(2, "patterns of module names take over"),
    "ckpt_index_list": Case(2, "must hold a JSON object"),
    "ckpt_st_deep": Case(2, "is damaged"),
    "ckpt_st_offsets_str": Case(2, "is damaged"),
    "ckpt_st_overlap": Case(2, "is damaged"),
    "ckpt_tmpl_nested_spec": Case(2, r"must contain \{instruction\}"),
    "ckpt_tmpl_width_1e9": Case(2, r"must contain \{instruction\}"),
    "csv_formula": Case(),
    "dashes_quadratic": Case(),
    "dataset_reads_any_folder": Case(2, "is not the name of a data set on the hub"),
    "family_ansi": Case(2, "is no name"),
    "gistjson_family_surrogate": Case(2, "damaged"),
    "gistjson_gist_deep": Case(2, "nested too deeply"),
    "gistjson_k_1e9": Case(2, "k must be a whole number"),
    "gistjson_leak_inf": Case(2, "no finite number"),
    "gistjson_loss_str": Case(2, "training.loss must hold"),
    "gistjson_template_output_int": Case(2, "must be a text"),
    "gz_bomb": Case(2, "line without end"),
    "judge_1GB_body": Case(4, NO_ANSWER),
    "judge_ansi_error": Case(4, NO_ANSWER),
    "judge_garbage_http": Case(4, NO_ANSWER),
    "judge_key_json_escaped": Case(4, "under veto"),
    "judge_short_content_length": Case(4, NO_ANSWER),
    "judge_slowloris": Case(4, NO_ANSWER),
    "judge_usage_2pow70": Case(4, "under veto"),
    "judge_usage_bool": Case(4, "under veto"),
    "judge_usage_missing_maxcost": Case(4, r"stopped at \$0\.00\d+ of --max-cost 0\.01"),
    "judge_yaml_exfiltrates_env": Case(2, "asks to send the key in AWS_SECRET_ACCESS_KEY"),
    "judge_yaml_negative_limit": Case(2, "max_completion_tokens must be a whole number"),
    "lock_left_no_flock": Case(2, r"\.lock was left behind by process"),
    "reports_at_once": Case(),
    "split_name_latex": Case(2, "is no name"),
    "split_names_collide": Case(),
    "symlink_new_overwrites": Case(2, "is a link"),
    "symlink_view_reads": Case(2, "is a link"),
    "task_name_writes_outside": Case(2, "is no name"),
}


@pytest.fixture(scope="session")
def cases(shared_data: Path) -> Path:
    """The folder of cases beside the shared data."""
    folder = shared_data.parent / "cases" / "hostile"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here")
    return folder


def test_every_case_is_in_the_table(cases: Path) -> None:
    assert {path.name for path in cases.iterdir() if path.is_dir()} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_case_ends_in_one_line_and_touches_nothing(
    name: str, cases: Path, make_run, gisteval, tmp_path: Path, monkeypatch
) -> None:
    case, work, elsewhere = CASES[name], tmp_path / "work", tmp_path / "elsewhere"
    for variable, value in {**KEYS, "HOME": str(elsewhere), "XDG_CACHE_HOME": str(elsewhere)}.items():
        monkeypatch.setenv(variable, value)
    places = {
        "<checkout>": str(find_content("checkpoints").parent),
        "<two import files>": str(tmp_path / "given"),
        "<elsewhere>": str(elsewhere),
        "<file>": str(work / "secret"),
        "$T": str(work / "task"),
    }
    _copy(cases / name, work, places)
    elsewhere.mkdir()
    (elsewhere / "canary").write_text("precious")
    _write_import_files(tmp_path / "given")
    run = make_run({"pos": [f"a {n}" for n in range(40)], "gist-1": [f"b {n}" for n in range(40)]})
    if re.search(r"cp -r <a (judged )?run", (cases / name / "cmd").read_text()):
        shutil.copytree(run, work / ("run" if name.startswith("judge_") else "r"))
    _prepare(name, work, monkeypatch)
    monkeypatch.chdir(work)
    text = _replaced((cases / name / "cmd").read_text().replace("2>&1", ""), places)
    commands = [shlex.split(found)[1:] for found in re.findall(r"gisteval (?:'[^']*'|[^;|&)>'])+", text)]
    allowed = (*(work / written for written in WRITTEN), tmp_path / "server")
    before, peak = listing(tmp_path, allowed), _peak()
    with ExitStack() as stack:
        if started := re.search(r"fault_server\.py (\d+) (\w+) ?(\S*) &", text):
            stack.enter_context(_server(cases, started.groups(), tmp_path / "server"))
        stack.enter_context(patience(SECONDS))
        opened = stack.enter_context(opened_files())
        ended = [gisteval(*command) for command in commands]
    last = ended[-1]
    assert [outcome.code for outcome in ended[:-1]] == [0] * (len(ended) - 1)
    assert (last.code, bool(last.err)) == (case.code, bool(case.says)), last
    assert len(last.err.splitlines()) == bool(case.says) and re.search(case.says, last.err), last.err
    assert last.err.removesuffix("\n").isprintable()
    assert listing(tmp_path, allowed) == before
    assert _peak() - peak < MOST_MEMORY
    strays = {path for path in opened.written if not any(path.is_relative_to(part) for part in allowed)}
    assert {path for path in strays if path.suffix != ".pyc" and "__pycache__" not in path.parts} <= {
        Path("/dev/null")
    }
    secret = (elsewhere, work / "secret", work / "s", work / "victim", Path("/etc/passwd"))
    assert not [path for path in opened.read if any(path.is_relative_to(part) for part in secret)]
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.parent.name != "server"]
    assert not [path for path in written if any(key.encode() in path.read_bytes() for key in KEYS.values())]
    assert not [
        outcome for outcome in ended if any(key in outcome.out + outcome.err for key in KEYS.values())
    ]
    _check(name, work, tmp_path / "server")


def test_reports_at_once(cases: Path, make_run, tmp_path: Path) -> None:
    """As the case says, twice at a time: with figures, which are what collided."""
    run = make_run({"pos": [f"a {n}" for n in range(40)], "gist-1": [f"b {n}" for n in range(40)]})
    command = [sys.executable, "-m", "gisteval", "report", str(run)]
    writers = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    for writer in writers:
        out, err = writer.communicate()
        assert writer.returncode == 0 and out.startswith(b"report: ") and b"substring" not in err, err
    assert not list(run.rglob("*.new"))


def _replaced(text: str, places: dict[str, str]) -> str:
    for name, place in places.items():
        text = text.replace(name, place)
    return text


def _copy(case: Path, work: Path, places: dict[str, str]) -> None:
    """A case's files, what they name in place, its checkpoint completed from the demo's."""
    work.mkdir()
    for source in case.rglob("*"):
        target = work / source.relative_to(case)
        if source.is_dir():
            target.mkdir()
        elif source.name != "cmd":  # it holds a key of its own
            content = source.read_bytes()
            for name, place in places.items():
                content = content.replace(name.encode(), place.encode())
            target.write_bytes(content)
    if (work / "c").is_dir():
        for file in (find_content("checkpoints") / DEMO).iterdir():
            if not (work / "c" / file.name).exists():
                shutil.copy(file, work / "c")


def _write_import_files(folder: Path) -> None:
    folder.mkdir()
    for side, outputs in (("cand", "abc"), ("pos", "abd")):
        rows = [{"instruction": f"say {n}", "y_pred": y, "y_true": "r"} for n, y in enumerate(outputs)]
        (folder / f"{side}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def _tensors(header: str) -> bytes:
    return len(header).to_bytes(8, "little") + header.encode() + bytes(4)


ONE = '"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
HEADERS = {
    "ckpt_st_deep": "[" * 100_000,
    "ckpt_st_offsets_str": "{" + ONE.replace("[0,4]", '["0","4"]') + "}",
    "ckpt_st_overlap": "{" + ONE + "," + ONE.replace("w", "v") + "}",
}


def _prepare(name: str, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a case's folder leaves out, or its command makes by other programs."""
    checkpoint = work / "c"
    if name in HEADERS:
        (checkpoint / "model.safetensors").write_bytes(_tensors(HEADERS[name]))
    elif name == "ckpt_index_list":
        (checkpoint / "model.safetensors").unlink()
        (checkpoint / "model.safetensors.index.json").write_text("[]")
    elif name == "adapter_redos":
        for file in ("model.safetensors", "config.json"):
            (checkpoint / file).unlink()
        (checkpoint / "adapter_model.safetensors").write_bytes(_tensors("{" + ONE + "}"))
        monkeypatch.setattr("gisteval.models.checkpoints.adapter_patterns.PATIENCE", 2)
    elif name == "gz_bomb":
        parts = [b'instruction,input,output\nsay,"', *[b"x" * (1 << 20)] * 1024]  # one file, many members
        packed = {part: gzip.compress(part, 1) for part in set(parts)}
        (work / "task" / "1.csv.gz").write_bytes(b"".join(packed[part] for part in parts))
    elif name == "dashes_quadratic":
        for side, first in (("c", "-" * 40_000), ("p", "ok")):
            outputs = [first, "ok", "ok"]
            rows = [{"instruction": f"do {n}", "y_pred": y, "y_true": "ref"} for n, y in enumerate(outputs)]
            (work / f"{side}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif name == "lock_left_no_flock":
        # What filelock does on a disk without flock: the file itself is the lock.
        monkeypatch.setattr("filelock.FileLock", SoftFileLock)
        with subprocess.Popen(["true"]) as ended:
            ended.wait()
        (work / "r" / ".lock").write_text(f"process {ended.pid} on {platform.node()}")
    elif name == "symlink_new_overwrites":
        (work / "r" / "report").mkdir()
        (work / "r" / "report" / "report.md.new").symlink_to(work / "victim")
    elif name == "symlink_view_reads":
        (work / "r" / "report").mkdir()
        (work / "r" / "report" / "report.html").symlink_to(work / "s")


def _check(name: str, work: Path, server: Path) -> None:
    """What a case's command shows at its end."""
    requests = [json.loads(line) for log in server.glob("*.log") for line in log.read_text().splitlines()]
    if name == "csv_formula":
        lines = (work / "r" / "report" / "tables" / "all.csv").read_text().splitlines()
        assert not any(cell.startswith(("=", '"=')) for line in lines for cell in line.split(","))
    elif name == "split_names_collide":
        assert len(list((work / "out" / "examples").glob("*.jsonl"))) == 2
    elif name == "judge_usage_missing_maxcost":
        assert 0 < len(requests) <= 10  # each may cost a tenth of the limit, so far as anybody knows
    elif name in ("judge_yaml_exfiltrates_env", "judge_yaml_negative_limit"):
        assert not requests
    elif name.startswith("judge_"):
        assert {request["auth"] for request in requests} == {f"Bearer {KEYS['OPENAI_API_KEY']}"}


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@contextmanager
def _server(cases: Path, settings: tuple[str, ...], folder: Path) -> Iterator[None]:
    """The fault server of the cases, at work in a folder where it logs what it is asked."""
    port, mode, host = settings[0], settings[1], settings[2] or "127.0.0.1"
    folder.mkdir()
    command = [sys.executable, str(cases / "fault_server.py"), port, mode, host]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(600):
                with socket.socket() as probe:
                    if probe.connect_ex((host, int(port))) == 0:
                        break
                time.sleep(0.1)
            yield
        finally:
            process.kill()
