"""BIG-Bench Hard: choices, prompts without chains of thought, and the files."""

from __future__ import annotations

import gzip
import json
from hashlib import sha256
from pathlib import Path

import pytest
import yaml

from gisteval.content import find_content
from gisteval.errors import GistevalError
from gisteval.tasks import load_task
from gisteval.tasks.generators.bbh import TASKS, build, choices, direct

PROMPT = (
    "Say it.\n\nQ: 1?\nA: Let's think step by step.\nFirst so.\nSo the answer is (A).\n\n"
    "Q: 2?\nA: Let's think step by step.\nThen. So the answer is 2 4."
)


@pytest.mark.parametrize(
    ("task", "question", "answer", "found"),
    [
        ("snarks", "Which?\nOptions:\n(A) one\n(B) two", "(B)", ["(A)", "(B)"]),
        ("navigate", "Back?\nOptions:\n- Yes\n- No", "No", ["Yes", "No"]),
        ("formal_fallacies", "Is it?\nOptions:\n- valid \n- invalid", "valid", ["valid", "invalid"]),
        ("web_of_lies", "Does she?", "Yes", ["Yes", "No"]),
        ("word_sorting", "List: b a", "a b", []),
        ("ruin_names", "Which?\nOptions:\n(A) one\n(B) two", "dearth, wind", []),
    ],
)
def test_choices(task: str, question: str, answer: str, found: list[str]) -> None:
    assert choices(task, question, answer) == found


def test_files_are_made_of_a_checkout(tmp_path) -> None:
    for name in ("bbh", "cot-prompts"):
        (tmp_path / name).mkdir()
    (tmp_path / "cot-prompts" / "snarks.txt").write_text(f"Never train.\n-----\n{PROMPT}")
    (tmp_path / "bbh" / "snarks.json").write_text(
        json.dumps({"canary": "c", "examples": [{"input": "Which?", "target": "(A)"}]})
    )
    assert build(tmp_path, tmp_path) == (1, 1)
    made = json.loads((tmp_path / "prompts.json").read_text())
    assert made == {"snarks": {"cot": PROMPT, "direct": "Say it.\n\nQ: 1?\nA: (A)\n\nQ: 2?\nA: 2 4"}}


def release(folder: Path) -> None:
    """Files in the form of the released ones, a question a task."""
    for name in ("bbh", "cot-prompts"):
        (folder / name).mkdir(parents=True)
    for task in TASKS:
        (folder / "cot-prompts" / f"{task}.txt").write_text(f"Never train.\n-----\n{task}: {PROMPT}")
        item = {"input": f"Which of {task}?", "target": "(A)"}
        (folder / "bbh" / f"{task}.json").write_text(json.dumps({"canary": "c", "examples": [item]}))


def test_the_release_is_downloaded_once_and_checked(tmp_path, server) -> None:
    release(tmp_path / "served")
    (tmp_path / "expected").mkdir()
    build(tmp_path / "served", tmp_path / "expected")
    content = find_content("tasks", None) / "bbh" / "task.yaml"
    definition = yaml.safe_load(content.read_text())
    split = definition["splits"]["direct"]
    split["release"]["url"] = f"http://127.0.0.1:{server.server_address[1]}"
    for file in split["files"].values():
        made = (tmp_path / "expected" / file["file"]).read_bytes()
        file["sha256"] = sha256(gzip.decompress(made) if "unpacked" in file else made).hexdigest()
    (tmp_path / "task.yaml").write_text(yaml.safe_dump(definition))
    for _ in range(2):
        found = list(load_task(str(tmp_path)).examples("direct"))
        assert [example.part for example in found] == list(TASKS)
        assert found[0].instruction.startswith("boolean_expressions: Say it.")
        assert len(server.asked) == 54
    kept = tmp_path / "cache" / "gisteval" / "bbh"
    assert {path.name for path in kept.iterdir()} == {"examples.jsonl.gz", "prompts.json"}
    (kept / "prompts.json").write_text("{}")  # a copy that was damaged is made anew
    assert len(list(load_task(str(tmp_path)).examples("direct"))) == 27
    assert len(server.asked) == 108
    (tmp_path / "served" / "bbh" / "snarks.json").write_text('{"examples": []}')
    (kept / "prompts.json").write_text("{}")
    with pytest.raises(GistevalError, match=r"examples\.jsonl\.gz is corrupt or truncated"):
        list(load_task(str(tmp_path)).examples("direct"))
    (tmp_path / "served" / "bbh" / "snarks.json").write_text("{}")
    with pytest.raises(GistevalError, match=r"the files at http://.* are not those of the release"):
        list(load_task(str(tmp_path)).examples("direct"))
    (tmp_path / "served" / "bbh" / "snarks.json").unlink()
    with pytest.raises(GistevalError, match=r"snarks\.json can't be downloaded \(404.*--data-dir"):
        list(load_task(str(tmp_path)).examples("direct"))


def test_all_questions_of_the_release(shared_data) -> None:
    folder = shared_data / "bbh"
    if not folder.is_dir():
        pytest.skip("the released questions are not here")
    task = load_task("bbh", data_dir=folder)
    found = list(task.examples("direct"))
    assert len(found) == 6511
    assert len({example.part for example in found[:27]}) == 27
    assert sum(example.choices is None for example in found) == 1003
    texts = json.loads((folder / "prompts.json").read_text())
    assert all(direct(both["cot"]) == both["direct"] for both in texts.values())


def test_without_the_data_it_says_where_it_goes(tmp_path) -> None:
    with pytest.raises(GistevalError, match=r"examples\.jsonl\.gz is not in the data folder"):
        list(load_task("bbh", data_dir=tmp_path).examples("direct"))
