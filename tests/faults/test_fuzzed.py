"""Tables, replies and lines that anybody may have written: read, or refused in one line; no traceback.

What has a grammar of its own is in test_foreign_formats. CI takes a few hundred inputs; `make faults` takes
a fifth of the campaign's fifty thousand (FUZZED in the environment: another number).
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
from campaign_time import within
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from gisteval.content import find_content
from gisteval.errors import GistevalError
from gisteval.importer.rows import read_rows, texts
from gisteval.importer.verdicts import read_verdict_file
from gisteval.judging.definition import load_judge
from gisteval.judging.human import read_answers
from gisteval.judging.parsing import read_reply
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.profiling.released import read_released
from gisteval.records.json_object import LARGEST
from gisteval.records.store import RecordWriter, read_records
from gisteval.tasks import load_task

TOTAL = int(os.environ.get("FUZZED", "50000")) // 5
PARTS = 8
SHARE = 0.05 / PARTS
"""Of the campaign's time, for each part."""
NUMBERS = [pytest.param(10), pytest.param(-(-TOTAL // PARTS), marks=pytest.mark.faults)]
FUZZ = pytest.mark.parametrize("inputs", NUMBERS)

NESTED = "[" * 5_000
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
    left, tried = within(SHARE), 0

    def timed(value: Any) -> None:
        nonlocal tried
        if left():
            tried += 1
            check(value)

    quick(given(content)(timed))()
    print(f"\n{tried} of {inputs} inputs")


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
    numbers = st.integers(1 - LARGEST, LARGEST - 1)  # the writer refuses others
    record = st.dictionaries(st.text(max_size=5), st.text() | numbers | st.none(), max_size=3)
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
