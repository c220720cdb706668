"""The claims of docs/security.md that no other test holds."""

from __future__ import annotations

import ast
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import gisteval as package
from gisteval.content import find_content, read_yaml
from gisteval.errors import GistevalError
from gisteval.judging.definition import read_judge
from gisteval.pipeline.judge.options import JudgeOptions
from gisteval.pipeline.judge.prepared import prepare_judge
from gisteval.tasks import load_task

SECRETS = {
    "OPENAI_API_KEY": "sk-planted-0123456789",
    "HF_TOKEN": "hf_planted_0123456789",
    "AWS_SECRET_ACCESS_KEY": "aws-planted-0123456789",
}
SOURCES = sorted(Path(package.__file__).parent.rglob("*.py"))


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Every call with the name it calls, `module.function` or `function`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(file.parents[1])))
def test_no_code_out_of_data(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else alias.name, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert {name for module, name in imported if module in ("pickle", "marshal", "shelve", "dill")} <= {
        "UnpicklingError"
    }
    for name, call in calls(tree):
        assert name not in ("eval", "exec", "compile", "torch.load", "os.system", "yaml.unsafe_load"), name
        assert not name.endswith(".from_string"), "a template made of data"
        keywords = {keyword.arg: keyword.value for keyword in call.keywords}
        for forbidden in ("trust_remote_code", "shell"):
            value = keywords.get(forbidden)
            assert value is None or (isinstance(value, ast.Constant) and value.value is False), name
        if name == "FileSystemLoader":
            assert ast.unparse(call.args[0]) in ("folder", "find_content('reports')")


def test_no_key_is_in_any_file_or_line(
    make_run, chat_server, gisteval, tiny_suite, tiny_task, tmp_path: Path, monkeypatch, caplog
) -> None:
    """A server that sends the key back in replies and errors, and every command that writes."""
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)
    key = SECRETS["OPENAI_API_KEY"]
    answers = [
        json.dumps({"reason": f"as {key} says", "choice": "A"}),
        {"status": 500, "body": json.dumps({"error": {"message": f"key {key} is odd"}}).encode()},
    ]
    chat_server.answer = lambda number, body: answers[number % 10 == 3]
    run = make_run({"pos": ["a", "b", "c"] * 20, "gist-1": ["a", "d", "e"] * 20})
    (tmp_path / "mine.csv").write_text("instruction,y_pred,y_true\nsay cats,cats,cats\nsay no,no,no\n")
    chat = (
        "--judge",
        "openai",
        "--base-url",
        chat_server.url,
        "--retries",
        0,
        "--cache",
        tmp_path / "c.db",
    )
    said = [
        gisteval("run", "--model", tiny_suite, "--task", tiny_task, "--output", tmp_path / "evaluated"),
        gisteval("judge", run, *chat),
        gisteval("judge", run, *chat, "--reparse"),
        gisteval("report", run, "--output", tmp_path / "report"),
        gisteval("import", tmp_path / "mine.csv", "--output", tmp_path / "imported"),
    ]
    assert chat_server.keys and set(chat_server.keys) == {f"Bearer {key}"}
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.suffix == ".html" for path in written) and tmp_path / "c.db" in written
    for secret in SECRETS.values():
        assert not [path for path in written if secret.encode() in path.read_bytes()]
        assert secret not in caplog.text and not [o for o in said if secret in o.out + o.err]


@pytest.mark.parametrize(
    "url", ["https://me:word@host/v1", "https://token@host/v1", "https://host/v1?key=word", "https://[/v1"]
)
def test_a_key_in_a_url_is_refused(url: str) -> None:
    with pytest.raises(GistevalError, match="server's URL"):
        prepare_judge(JudgeOptions(judge="openai", base_url=url))


OUTSIDE = ["../secret.jsonl", "/etc/passwd", "below/../../secret.jsonl", "..\\secret.jsonl"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_task_or_judge_reads_no_file_from_elsewhere(name: str, tmp_path: Path) -> None:
    task = {"name": "t", "version": 1, "description": "", "license": "", "splits": {"s": {"file": name}}}
    (tmp_path / "task.yaml").write_text(json.dumps(task))
    with pytest.raises(GistevalError, match="must be a file in the same folder"):
        load_task(str(tmp_path))
    judge = {"name": "j", "version": 1, "description": "", "kind": "chat", "parameters": {}}
    (tmp_path / "judge.yaml").write_text(json.dumps({**judge, "system": "a.txt", "prompt": name}))
    with pytest.raises(GistevalError, match="must be a file in the same folder"):
        read_judge(tmp_path / "judge.yaml")


def test_names_from_files_do_not_leave_the_run(gisteval, tmp_path: Path) -> None:
    source, run = tmp_path / "..; rm -rf x.csv", tmp_path / "deep" / "er" / "run"
    source.write_text("instruction,y_pred,y_true\nsay cats,cats,cats\nsay no,no,no\n")
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    names = ("--split", "../../escaped", "--task", "../../task")
    assert gisteval("import", source, "--output", run, *names).code == 0
    assert gisteval("report", run).code == 0
    written = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert written and all(path.is_relative_to(run) for path in written)
    assert list((run / "report" / "tables").glob("*escaped*.csv"))


def test_yaml_neither_runs_code_nor_fills_memory(tmp_path: Path) -> None:
    file, mark = tmp_path / "a.yaml", tmp_path / "ran"
    file.write_text(f"a: !!python/object/apply:os.mkdir [{mark}]")
    with pytest.raises(GistevalError, match="can't be read"):
        read_yaml(file, "task file")
    assert not mark.exists()
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    file.write_text("\n".join(lines))
    with pytest.raises(GistevalError, match="references"):
        read_yaml(file, "task file")


def test_code_beside_a_checkpoint_is_not_run(tiny_suite, tmp_path: Path) -> None:
    from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
    from gisteval.models.checkpoints.loading import load_tokenizer, load_weights

    folder, mark = tmp_path / "evil", tmp_path / "ran"
    shutil.copytree(tiny_suite / "gist-1", folder)
    (folder / "evil.py").write_text(f"open({str(mark)!r}, 'w')\n")
    for name, entry in (
        ("config.json", "AutoModelForCausalLM"),
        ("tokenizer_config.json", "AutoTokenizer"),
    ):
        content = json.loads((folder / name).read_text())
        value = ["evil.T", "evil.T"] if entry == "AutoTokenizer" else "evil.T"
        (folder / name).write_text(
            json.dumps({**content, "auto_map": {entry: value, "AutoConfig": "evil.C"}})
        )
    checkpoint = inspect_checkpoint(folder)
    try:
        load_weights(checkpoint, load_tokenizer(checkpoint), "auto")
    except GistevalError as error:
        assert "can't be loaded" in str(error)
    assert not mark.exists()


def test_a_chat_template_stays_in_its_sandbox(tiny_tokenizer) -> None:
    import copy

    from gisteval.models.text.chat import ChatModel

    tokenizer = copy.deepcopy(tiny_tokenizer)
    tokenizer.chat_template = "{{ messages.__class__.__mro__[1].__subclasses__() }}"
    with pytest.raises(GistevalError, match="its chat template can't be used"):
        ChatModel(None, tokenizer)._text([{"role": "user", "content": "x"}])


HUGE = 10**9
DEMO = str(find_content("checkpoints") / "wordplay-llama" / "gist-1")
SHAPE = ("profile", "--shape", "llama-7b")


@pytest.mark.parametrize(
    "command",
    [
        ("run", "--model", DEMO, "--k", HUGE),
        ("compress", "--model", DEMO, "--prompt", "say cats", "--k", HUGE),
        ("train", "--task", "wordplay", "--family", "f", "--condition", "gist", "--steps", 1, "--k", HUGE),
        ("train", "--threads", HUGE),
        ("train", "--task", "t", "--family", "f", "--condition", "gist", "--steps", 1, "--seed", -1),
        ("profile", "--model", DEMO, "--batch-size", HUGE),
        ("profile", "--model", DEMO, "--output-tokens", HUGE),
        ("profile", "--model", DEMO, "--threads", HUGE),
        (*SHAPE, "--input-tokens", HUGE),
        (*SHAPE, "--input-tokens", 1, "--cached-tokens", 10**30),
        (*SHAPE, "--what-if", "--gist-tokens", 10**30),
        (*SHAPE, "--what-if", "--prompt-tokens", HUGE),
    ],
    ids=lambda command: " ".join(map(str, command[::2]))[:60],
)
def test_numbers_beyond_reason_are_refused(command: tuple, refused, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    line = refused(*command)
    assert str(HUGE) in line or "must be" in line or "should be" in line
    assert not list(tmp_path.iterdir())
