"""Task folders: what a task.yaml may say, which examples come out, and what is refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from gisteval.errors import GistevalError
from gisteval.tasks import list_tasks, load_task, sources
from gisteval.tasks.definition import read_definition

HEAD = "name: small\nversion: 1\ndescription: d\nlicense: Apache-2.0\n"
SPLIT = "splits: {test: {file: test.jsonl}}\n"
TASK = {"name": "t", "version": 1, "description": "", "license": ""}
ITEM = {"instruction": "say it", "input": "dogs", "output": "worlds"}


def task_folder(folder: Path, yaml: str, *items: dict[str, object]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "task.yaml").write_text(yaml, encoding="utf-8")
    (folder / "test.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    return folder


def test_a_task_is_found_by_folder_file_and_name(tmp_path: Path, monkeypatch) -> None:
    folder = task_folder(tmp_path / "small", HEAD + SPLIT, ITEM)
    for name in (folder, folder / "task.yaml"):
        (example,) = load_task(str(name)).examples("test")
        assert (example.task, example.split, example.id) == ("small", "test", "small-test-0001")
        assert (example.instruction, example.input, example.output) == ("say it", "dogs", "worlds")
    assert load_task("small", tasks_dir=tmp_path).folder == folder
    assert list_tasks(tmp_path) == {"small": folder / "task.yaml"}
    # A folder of the working directory that merely bears a task's name doesn't hide the task.
    (tmp_path / "elsewhere" / "small").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert load_task("small", tasks_dir=tmp_path).folder == folder


def test_unknown_names_are_refused_with_a_suggestion(tmp_path: Path) -> None:
    task_folder(tmp_path / "small", HEAD + SPLIT, ITEM)
    with pytest.raises(GistevalError, match=r"'smal' is unknown .did you mean 'small'.*path of a task"):
        load_task("smal", tasks_dir=tmp_path)
    with pytest.raises(GistevalError, match=r"absent\.yaml can't be read"):
        load_task(str(tmp_path / "absent.yaml"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(GistevalError, match=r"empty has no task\.yaml"):
        load_task(str(tmp_path / "empty"))
    with pytest.raises(GistevalError, match=r"no split 'tset' .did you mean 'test'\?\): choose from test"):
        load_task("small", tasks_dir=tmp_path).split("tset")


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        ("name: [", "can't be read"),
        ("", "valid dictionary"),
        (SPLIT, "name: Field required"),
        (HEAD, "splits: Field required"),
        (HEAD + "splits: {}\n", "splits: Dictionary should have at least 1 item"),
        (HEAD + SPLIT + "lisence: x\n", "lisence: Extra inputs are not permitted"),
        (HEAD + SPLIT + "max_new_tokens: 0\n", "max_new_tokens: Input should be greater"),
        (HEAD + SPLIT + "default_splits: [tset]\n", "default_splits names unknown splits: tset"),
        (HEAD + "splits: {test: {}}\n", r"splits\.test: give exactly one of file"),
        (HEAD + "splits: {test: {file: a, dataset: b}}\n", "give exactly one of file"),
        (HEAD + "splits: {test: {url: 'http://x/a.json'}}\n", "a url needs its sha256"),
        (HEAD + "splits: {test: {file: a.json, sha256: abc}}\n", "sha256: String should match"),
    ],
)
def test_a_broken_definition_is_one_line(tmp_path: Path, yaml: str, message: str) -> None:
    file = task_folder(tmp_path, yaml) / "task.yaml"
    with pytest.raises(GistevalError, match=message) as caught:
        read_definition(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_definition_in_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_bytes("name: café".encode("latin-1"))
    with pytest.raises(GistevalError, match=r"task\.yaml can't be read"):
        read_definition(tmp_path / "task.yaml")


def test_fields_are_mapped(tmp_path: Path) -> None:
    yaml = HEAD + SPLIT + "fields: {instruction: prompt, input: null, output: answer, id: number}\n"
    items = [{"prompt": "say it", "answer": 3, "number": 17}, {"prompt": "x", "answer": None, "number": 8}]
    examples = list(load_task(str(task_folder(tmp_path, yaml, *items))).examples("test"))
    assert [(e.id, e.instruction, e.input, e.output) for e in examples] == [
        ("17", "say it", "", "3"),
        ("8", "x", "", ""),
    ]


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({**ITEM, "instruction": " \n"}, "the instruction is empty: fill it in"),
        ({**ITEM, "instruction": None}, "the instruction is empty"),
        ({"instruction": "x", "output": "x"}, r"no field 'input' \(there are instruction, output\)"),
        ({**ITEM, "input": [1]}, "field 'input' must be a text, not a list"),
        ({**ITEM, "output": "\ud800"}, "field 'output' is not valid Unicode"),
    ],
)
def test_a_bad_item_is_named(tmp_path: Path, item: dict[str, object], message: str) -> None:
    task = load_task(str(task_folder(tmp_path, HEAD + SPLIT, ITEM, item)))
    with pytest.raises(GistevalError, match=f"small/test, item 2: {message}"):
        list(task.examples("test"))
    assert len(list(task.examples("test", 1))) == 1


def test_same_content_keeps_its_place_and_its_id(tmp_path: Path) -> None:
    task = load_task(str(task_folder(tmp_path, HEAD + SPLIT, ITEM, ITEM, {**ITEM, "output": "y"})))
    examples = list(task.examples("test"))
    assert [example.id for example in examples] == [f"small-test-{n:04}" for n in (1, 2, 3)]
    assert examples[0].content_id == examples[1].content_id != examples[2].content_id
    assert task.fingerprint("test", 1) != task.fingerprint("test", 2) != task.fingerprint("test", None)


def test_a_file_beside_the_task_can_have_a_checksum(tmp_path: Path) -> None:
    yaml = HEAD + "splits: {test: {file: test.jsonl, sha256: " + "a" * 64 + "}}\n"
    with pytest.raises(GistevalError, match=r"test\.jsonl is corrupt or truncated"):
        list(load_task(str(task_folder(tmp_path, yaml, ITEM))).examples("test"))


def test_paraphrases_come_from_an_installed_generator_or_there_are_none(tmp_path: Path) -> None:
    yaml = HEAD + "splits: {test: {file: test.jsonl}}\n"
    assert load_task(str(task_folder(tmp_path / "a", yaml, ITEM))).paraphrases("test") == {}
    hostile = yaml + "paraphrases: os:system\n"
    with pytest.raises(GistevalError, match="'os:system' is not installed as one"):
        load_task(str(task_folder(tmp_path / "b", hostile, ITEM))).paraphrases("test")


def test_evaluation_splits(tmp_path: Path) -> None:
    two = HEAD + "splits: {train: {file: test.jsonl}, test: {file: test.jsonl}}\n"
    assert load_task(str(task_folder(tmp_path / "a", two))).evaluation_splits == ["train", "test"]
    chosen = two + "default_splits: [test]\n"
    assert load_task(str(task_folder(tmp_path / "b", chosen))).evaluation_splits == ["test"]


def test_alpaca_plus_as_released(shared_data: Path) -> None:
    task = load_task("alpaca_plus", data_dir=shared_data / "alpaca_plus")
    counts = {split: len(list(task.examples(split))) for split in task.evaluation_splits}
    assert counts == {"seen": 1000, "unseen": 1000, "human": 252}
    first = next(task.examples("human"))
    assert first.id == "alpaca_plus-human-0001"
    assert first.instruction and first.output


def test_alpaca_plus_truncated(shared_data: Path, tmp_path: Path) -> None:
    name = "alpaca_plus_validation_human.json"
    content = (shared_data / "alpaca_plus" / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(GistevalError, match=f"{name} is corrupt or truncated"):
        next(load_task("alpaca_plus", data_dir=tmp_path).examples("human"))


def test_a_checked_file_may_lie_in_the_data_folder(tmp_path):
    data, task = tmp_path / "data" / "deep", tmp_path / "task"
    data.mkdir(parents=True)
    task.mkdir()
    (data / "test.jsonl").write_text(json.dumps({"instruction": "say", "input": "", "output": "y"}) + "\n")
    digest = hashlib.sha256((data / "test.jsonl").read_bytes()).hexdigest()
    (task / "task.yaml").write_text(HEAD + f"splits: {{test: {{file: test.jsonl, sha256: {digest}}}}}\n")
    [example] = load_task(str(task), data_dir=tmp_path / "data").examples("test")
    assert example.output == "y"
    with pytest.raises(GistevalError, match=r"does not exist: put it there, or name .* --data-dir"):
        list(load_task(str(task)).examples("test"))
    (data / "test.jsonl").write_text("{}\n")
    with pytest.raises(GistevalError, match="corrupt or truncated"):
        list(load_task(str(task), data_dir=tmp_path / "data").examples("test"))


def test_a_file_is_digested_once_and_again_where_a_maker_wrote(tmp_path, monkeypatch) -> None:
    lines = [json.dumps({"instruction": f"say {name}", "input": "", "output": name}) for name in "ab"]
    digests = [hashlib.sha256(line.encode()).hexdigest() for line in lines]
    read: list[str] = []

    def counted(path, unpacked=False):
        read.append(path.name)
        return hashlib.sha256(path.read_bytes()).hexdigest()

    def maker(url, folder):
        """Makes the second file, and spoils the first."""
        (folder / "b.jsonl").write_text(lines[1])
        (folder / "a.jsonl").write_text("spoilt")

    monkeypatch.setattr(sources, "file_digest", counted)
    monkeypatch.setattr("gisteval.tasks.definition.cache_folder", lambda name: tmp_path / "cache" / name)
    monkeypatch.setattr("gisteval.tasks.definition.installed", lambda name: maker)
    cache = tmp_path / "cache" / "small"
    cache.mkdir(parents=True)
    for name, line in zip("ab", lines, strict=True):
        (cache / f"{name}.jsonl").write_text(line)
    files = ", ".join(
        f"{name}: {{file: {name}.jsonl, sha256: {digest}}}"
        for name, digest in zip("ab", digests, strict=True)
    )
    yaml = (
        HEAD
        + f"splits: {{test: {{generator: 'x:y', files: {{{files}}}, release: {{url: u, maker: 'x:z'}}}}}}\n"
    )
    task = task_folder(tmp_path / "task", yaml)
    monkeypatch.setattr("gisteval.tasks.definition.generated", lambda name, options: iter(()))
    assert list(load_task(str(task)).examples("test")) == [] and read == ["a.jsonl", "b.jsonl"]
    assert list(load_task(str(task), data_dir=tmp_path / "cache").examples("test")) == []
    assert read == ["a.jsonl", "b.jsonl"] * 2
    (cache / "b.jsonl").unlink()
    with pytest.raises(GistevalError, match=r"a\.jsonl is corrupt"):
        list(load_task(str(task)).examples("test"))


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "../../x"), ("name", "a\nb"), ("splits", {"x\n\\input{/etc/passwd}": {"file": "a.jsonl"}})],
)
def test_names_are_no_paths_and_stay_on_their_line(tmp_path, field: str, value: object) -> None:
    task = {**TASK, "splits": {"s": {"file": "a.jsonl"}}, field: value}
    (tmp_path / "task.yaml").write_text(json.dumps(task))
    with pytest.raises(GistevalError, match=rf"{field}.*is no name"):
        load_task(str(tmp_path))


@pytest.mark.parametrize(
    "name", ["/etc::train", "../data", "a/../../b", "./here", "org/name/more", "~/x", ""]
)
def test_a_data_set_is_one_of_the_hub(tmp_path, name: str) -> None:
    (tmp_path / "task.yaml").write_text(json.dumps({**TASK, "splits": {"s": {"dataset": name}}}))
    with pytest.raises(GistevalError, match="is not the name of a data set on the hub"):
        load_task(str(tmp_path))


def test_a_folder_that_is_named_like_a_data_set_is_not_read(tmp_path, monkeypatch) -> None:
    pytest.importorskip("datasets")
    (tmp_path / "org" / "name").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GistevalError, match="org/name exists in this folder"):
        next(sources.read_dataset("org/name::train"))
