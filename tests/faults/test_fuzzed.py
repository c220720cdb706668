"""Files that anybody may have written: read, or refused in one line; never a traceback.

CI takes a few hundred inputs; `make faults` takes ten thousand (FUZZED in the environment: another number).
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from gisteval.config import read_config
from gisteval.content import find_content
from gisteval.errors import GistevalError
from gisteval.importer.rows import read_rows, texts
from gisteval.importer.verdicts import read_verdict_file
from gisteval.judging.definition import load_judge, read_judge
from gisteval.judging.human import read_answers
from gisteval.judging.parsing import read_reply
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.profiling.released import read_released
from gisteval.records.run_folder import RunFolder
from gisteval.records.store import RecordWriter, read_records
from gisteval.tasks import load_task
from gisteval.training.recipe import load_recipe

TOTAL = int(os.environ.get("FUZZED", "10000"))
PARTS = 10
NUMBERS = [pytest.param(30), pytest.param(-(-TOTAL // PARTS), marks=pytest.mark.faults)]
FUZZ = pytest.mark.parametrize("inputs", NUMBERS)

NESTED = "[" * 5_000
BOMB = "a: &a [x, x]\n" + "".join(f"b{n}: &b{n} [*{'a' if n == 0 else f'b{n - 1}'}]\n" for n in range(9))
HOSTILE_YAML = [
    "",
    "- 1",
    "a: [",
    NESTED,
    BOMB,
    "a: 2001-99-99",
    'a: "\\UFFFFFFFF"',
    "a: !!timestamp x",
    "a: !!bool maybe",
    'a: !!int ""',
    "? [1]: 2",
    "!!python/object/apply:os.system [exit]",
    "a: \x00",
    "k: " + "9" * 5_000,
]
HOSTILE_JSON = [
    NESTED,
    '{"a": ' + NESTED,
    "9" * 5_000,
    '{"y_pred": "\\ud800", "y_true": ""}',
    "NaN",
    "\ufeff{}",
    '{"a": 1e999}',
]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.just("../../etc/passwd")
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def refused_or_read(read: Callable[[], object]) -> bool:
    """True if it was read. Any error but the expected one, of one line, fails the test."""
    try:
        read()
    except GistevalError as error:
        assert str(error).strip()
        return False
    return True


def fuzz(inputs: int, content: st.SearchStrategy[Any], check: Callable[[Any], object], *known: Any) -> None:
    """Run a check on so many inputs, and first on those that are known to be hostile."""
    for hostile in known:
        check(hostile)
    quick = settings(
        max_examples=inputs,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    quick(given(content)(check))()


def objects(
    fields: list[str], values: st.SearchStrategy[Any] = VALUES
) -> st.SearchStrategy[dict[str, Any]]:
    """Mappings with most of the right names, and whatever in them."""
    return st.dictionaries(st.sampled_from(fields) | st.text(max_size=5), values, max_size=len(fields) + 1)


def mangled(text: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    """A text as it was meant, cut, or with a byte changed."""

    def mangle(given: str, place: int, byte: int, how: str) -> bytes:
        raw = given.encode("utf-8", "surrogatepass")
        at = place % (len(raw) + 1)
        return {"whole": raw, "cut": raw[:at], "changed": raw[:at] + bytes([byte]) + raw[at + 1 :]}[how]

    kinds = st.sampled_from(["whole", "whole", "cut", "changed"])
    return st.builds(mangle, text, st.integers(0, 10_000), st.integers(0, 255), kinds)


def as_yaml(content: Any) -> str:
    return yaml.safe_dump(content, allow_unicode=True)


TASK = ["name", "version", "description", "license", "splits", "fields", "max_new_tokens", "default_splits"]
JUDGE = ["name", "version", "description", "kind", "scales", "tie_band", "system", "prompt", "parameters"]
CONFIG = ["model", "models", "split", "limit", "seed", "batch_size", "k", "judge", "output", "profile"]
RECIPE = ["task", "split", "condition", "k", "steps", "base", "extends", "lora", "learning_rate", "scratch"]
READERS: dict[str, tuple[list[str], Callable[[Path], object]]] = {
    "task": (TASK, lambda file: list(load_task(str(file)).examples("test"))),
    "judge": (JUDGE, read_judge),
    "config": (CONFIG, lambda file: read_config(file, {})),
    "recipe": (RECIPE, lambda file: load_recipe(file, {})),
}


@FUZZ
@pytest.mark.parametrize("kind", READERS)
def test_yaml(inputs: int, kind: str, tmp_path: Path) -> None:
    fields, read = READERS[kind]
    file = tmp_path / f"{kind}.yaml"
    sound = {
        "task": {"name": "t", "version": 1, "description": "", "license": "", "splits": {"test": {}}},
        "judge": {"name": "j", "version": 1, "description": "", "kind": "chat"},
    }.get(kind, {})

    def check(raw: bytes) -> None:
        file.write_bytes(raw)
        refused_or_read(lambda: read(file))

    whole = objects(fields).map(lambda found: as_yaml({**sound, **found}))
    fuzz(inputs // 2, mangled(whole | st.text()), check, *(text.encode() for text in HOSTILE_YAML))


@FUZZ
@pytest.mark.parametrize("suffix", ["jsonl", "json", "csv", "tsv"])
def test_rows_of_tasks_and_predictions(inputs: int, suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"data.{suffix}"
    (tmp_path / "task.yaml").write_text(
        "{name: t, version: 1, description: '', license: '', splits: {test: {file: data." + suffix + "}}}"
    )
    rows = st.lists(objects(["instruction", "input", "output", "y_pred", "y_true"]), max_size=4)

    def text(found: list[dict[str, Any]]) -> str:
        if suffix == "json":
            return json.dumps(found)
        if suffix == "jsonl":
            return "".join(json.dumps(row) + "\n" for row in found)
        stream = io.StringIO()
        table = csv.writer(stream, delimiter="\t" if suffix == "tsv" else ",")
        table.writerow(["instruction", "output", "y_pred"])
        table.writerows([str(value) for value in row.values()] for row in found)
        return stream.getvalue()

    def check(raw: bytes) -> None:
        file.write_bytes(raw)
        refused_or_read(lambda: texts(read_rows(file), "y_pred", file))
        refused_or_read(lambda: list(load_task(str(tmp_path)).examples("test")))

    fuzz(inputs // 4, mangled(rows.map(text)), check, *(known.encode() for known in HOSTILE_JSON))


@FUZZ
def test_csv_of_annotators_and_timings(inputs: int, tmp_path: Path) -> None:
    file = tmp_path / "file.csv"
    cells = st.lists(st.lists(st.text(max_size=6), max_size=4), max_size=4)
    heads = st.sampled_from(["id,choice", "id,instruction,choice", "id,id", "choice", ""])

    def text(head: str, rows: list[list[str]]) -> str:
        stream = io.StringIO()
        csv.writer(stream).writerows(rows)
        return f"{head}\n{stream.getvalue()}"

    def check(raw: bytes) -> None:
        file.write_bytes(raw)
        refused_or_read(lambda: read_answers(file))
        refused_or_read(lambda: read_released(file))

    fuzz(inputs, mangled(st.builds(text, heads, cells)), check, b"id,choice\n" + b"x" * 200_000, b"\x00")


@FUZZ
def test_replies_of_judges(inputs: int) -> None:
    """Whatever a judge says is a choice, or no answer."""
    definitions = [load_judge(name).definition for name in ("openai", "reference")]
    replies = st.text() | VALUES.map(lambda value: json.dumps({"choice": value})) | VALUES.map(json.dumps)
    scores = st.fixed_dictionaries({"rougeL": VALUES, "chrF": VALUES}).map(json.dumps)
    known = [
        NESTED,
        "{" * 5_000,
        '{"rougeL": [NaN, 1], "chrF": [1, 1]}',
        f'{{"rougeL": [1{"0" * 400}, 1]}}',
    ]

    def check(reply: str) -> None:
        for definition in definitions:
            assert read_reply(definition, reply, "ab") in ("a", "b", "tie", "invalid")

    assert read_reply(definitions[1], known[2], "ab") == "invalid"
    fuzz(inputs, replies | scores, check, *known)


@FUZZ
def test_released_verdicts(inputs: int, tmp_path: Path) -> None:
    name = "chatgpt-seen-LLaMA-gist-1-vs-LLaMA-pos_control-1.json"
    file = tmp_path / name
    row = objects(["x", "choice", "reason", "swapped", "a", "b"])
    content = objects(["names", "results", "scores", "estimated_cost"], VALUES | st.lists(row, max_size=2))

    def check(raw: bytes) -> None:
        file.write_bytes(raw)
        refused_or_read(lambda: read_verdict_file(file))

    fuzz(inputs, mangled(content.map(json.dumps)), check, *(known.encode() for known in HOSTILE_JSON))


@FUZZ
def test_a_run_whose_files_were_changed(inputs: int, make_run) -> None:
    """Verdicts, generations, manifest and results: what can't be read is told, and stays as it is."""
    run = make_run({"pos": ["a", "b"], "gist-1": ["a", "c"]})
    folder = RunFolder.open(run)
    verdict = {
        "key": "k",
        "pair": "p",
        "task": "t",
        "split": "test",
        "system": "gist-1",
        "reference": "pos",
    }
    verdict |= {"judge": "j", "purpose": "main", "order": "ab", "choice": "a", "reply": None}
    files = {
        "generations": folder.generations("gist-1"),
        "verdicts": folder.verdicts("j", "gist-1"),
        "manifest": run / "manifest.json",
        "results": run / "results.json",
    }
    with RecordWriter(files["verdicts"]) as writer:
        writer.write([verdict])
    sound = {name: file.read_bytes() for name, file in files.items()}

    def read() -> None:
        opened = RunFolder.open(run)
        opened.results()
        list(opened.all_verdicts())
        list(opened.read_generations("gist-1", "test"))
        assert opened.systems and opened.splits

    def check(change: tuple[str, str, Any, int]) -> None:
        name, field, value, cut = change
        lines = sound[name].decode().splitlines()
        if name in ("manifest", "results"):
            content = json.loads(sound[name])
            content[field] = value
            lines = [json.dumps(content)]
        else:
            record = json.loads(lines[0])
            record[field] = value
            lines[0] = json.dumps(record)
        raw = "\n".join([*lines, ""]).encode()
        files[name].write_bytes(raw[: cut or None])
        before = files[name].read_bytes()
        try:
            refused_or_read(read)
            assert files[name].read_bytes() == before
        finally:
            files[name].write_bytes(sound[name])

    fields = ["key", "split", "system", "output", "nll", "k", "choice", "order", "reply", "cost", "rows"]
    fields += ["identity", "self_check", "splits", "systems", "signature", "judging", "unknown"]
    changes = st.tuples(st.sampled_from([*files]), st.sampled_from(fields), VALUES, st.integers(0, 400))
    fuzz(inputs, changes, check)
    assert refused_or_read(read)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A demo checkpoint whose files may be changed."""
    return shutil.copytree(find_content("checkpoints") / "wordplay-llama" / "gist-1", tmp_path / "c")


@FUZZ
@pytest.mark.parametrize("name", ["gist.json", "config.json"])
def test_json_of_checkpoints(inputs: int, name: str, checkpoint: Path) -> None:
    """What is read has a name, and a template that makes a prompt."""
    file = checkpoint / name
    sound = json.loads(file.read_text())
    parts = st.sampled_from(sorted(sound.get("template", {"x": 0}))) | st.text(max_size=5)
    values = VALUES | st.dictionaries(parts, VALUES | st.just("{instruction:>9}"), max_size=4)
    changes = st.dictionaries(st.sampled_from(sorted(sound)) | st.text(max_size=5), values, max_size=3)

    def check(raw: bytes) -> None:
        file.write_bytes(raw)

        def read() -> None:
            record = inspect_checkpoint(checkpoint).record
            assert record.name.encode() and record.k <= 10_000
            json.dumps(record.to_json(), allow_nan=False).encode()

        refused_or_read(read)

    whole = changes.map(lambda found: json.dumps({**sound, **found}))
    fuzz(inputs, mangled(whole), check, *(known.encode() for known in HOSTILE_JSON))


@FUZZ
def test_headers_of_safetensors(inputs: int, checkpoint: Path) -> None:
    """Whatever passes is opened by the library as well."""
    file = checkpoint / "model.safetensors"
    numbers = st.integers(-1, 9) | VALUES
    offsets = st.lists(numbers, max_size=3) | st.sampled_from([[0, 4], [4, 8], [0, 8]]) | VALUES
    shape = st.lists(numbers, max_size=2) | st.sampled_from([[1], [2], []]) | VALUES
    dtype = st.sampled_from(["F32", "I8", "F99"]) | VALUES
    tensor = st.fixed_dictionaries({"dtype": dtype, "shape": shape, "data_offsets": offsets}) | VALUES
    headers = st.dictionaries(st.sampled_from(["a", "b", "__metadata__"]), tensor, max_size=3)

    def check(header: bytes) -> None:
        file.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
        if refused_or_read(lambda: inspect_checkpoint(checkpoint)):
            with safe_open(file, "np") as opened:
                assert opened.keys() is not None

    fuzz(inputs, mangled(headers.map(json.dumps)), check, *(known.encode() for known in HOSTILE_JSON))


@FUZZ
def test_no_record_is_lost_between_lines_that_are_torn(inputs: int, tmp_path: Path) -> None:
    """Cut anywhere, appended to again: all whole records come back, and in order."""
    file = tmp_path / "records.jsonl"
    record = st.dictionaries(st.text(max_size=5), st.text() | st.integers() | st.none(), max_size=3)
    parts = st.lists(st.tuples(st.lists(record, max_size=3), st.integers(0, 200)), min_size=1, max_size=4)

    @example([([{"a": "b"}], 0)])
    def check(found: list[tuple[list[dict[str, Any]], int]]) -> None:
        file.unlink(missing_ok=True)
        kept: list[dict[str, Any]] = []
        for records, cut in found:
            with RecordWriter(file) as writer:
                writer.write(records)
            kept += records
            raw = file.read_bytes()
            file.write_bytes(raw[: max(0, len(raw) - cut)])
            kept = kept[: file.read_bytes().count(b"\n")]
            assert list(read_records(file)) == kept
        with RecordWriter(file) as writer:
            writer.write([{"last": 1}])
        assert list(read_records(file)) == [*kept, {"last": 1}]

    fuzz(inputs, parts, check)
