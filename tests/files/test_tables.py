"""Tables in every format and dress, and each way in which they go wrong."""

from __future__ import annotations

import csv
import functools
import gzip
import io
import json
import tracemalloc
from collections import deque
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gisteval.errors import GistevalError
from gisteval.files.tables import LONGEST_ROW, read_table

ITEMS = [
    {"instruction": "say it", "input": 'a, "b"\nc', "output": "日本"},
    {"instruction": "say \u2028 it", "input": "", "output": "x" * 200_000},
]


def as_csv(folder: Path, encoding: str = "utf-8") -> Path:
    path = folder / "data.csv"
    with path.open("w", encoding=encoding, newline="") as stream:
        writer = csv.DictWriter(stream, list(ITEMS[0]))
        writer.writeheader()
        writer.writerows(ITEMS)
    return path


def as_parquet(folder: Path) -> Path:
    arrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    pyarrow.parquet.write_table(arrow.Table.from_pylist(ITEMS), folder / "data.parquet")
    return folder / "data.parquet"


def as_text(name: str, text: str, folder: Path) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


JSON = json.dumps(ITEMS, ensure_ascii=False)
LINES = "\n".join(json.dumps(item, ensure_ascii=False) for item in ITEMS) + "\n\n"


@pytest.mark.parametrize(
    "write",
    [
        functools.partial(as_text, "data.json", JSON),
        functools.partial(as_text, "data.v1.JSON", "\ufeff" + JSON),
        functools.partial(as_text, "data.jsonl", LINES),
        as_csv,
        functools.partial(as_csv, encoding="utf-8-sig"),
        as_parquet,
    ],
    ids=["json", "json-bom", "jsonl", "csv", "csv-bom", "parquet"],
)
def test_every_format_gives_the_same_items(tmp_path: Path, write) -> None:
    assert list(read_table(write(tmp_path))) == ITEMS


def test_compressed_files_are_seen_through(tmp_path: Path) -> None:
    for name, text in [("data.json.gz", JSON), ("data.jsonl.gz", LINES)]:
        (tmp_path / name).write_bytes(gzip.compress(text.encode(), mtime=0))
        assert list(read_table(tmp_path / name)) == ITEMS
    plain = as_csv(tmp_path)
    (tmp_path / "data.csv.gz").write_bytes(gzip.compress(plain.read_bytes(), mtime=0))
    assert list(read_table(tmp_path / "data.csv.gz")) == ITEMS


GZIP = gzip.compress(LINES.encode(), mtime=0)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", JSON[:40].encode(), "not JSON \\(Unterminated"),
        ("a.json", b'{"instruction": "x"}', "expected a list of objects"),
        ("a.json", b"[3]", "each must be one with named"),
        ("a.jsonl", b'{"a": 1}\n\n{"a":', "line 3: not JSON .Expecting value"),
        ("a.jsonl", "café".encode("latin-1"), "not UTF-8 text .byte 3.; save it as UTF-8"),
        ("a.csv", b"a,b\n1,2\n3\n", "line 3: not CSV .1 fields, but the header has 2"),
        ("a.csv", b"a,b\n1,2,3\n", "line 2: not CSV .3 fields, but the header has 2"),
        ("a.csv", b'a,b\n1,"2', "not CSV .unexpected end"),
        ("a.jsonl.gz", GZIP[:100], "is damaged"),
        ("a.jsonl.gz", GZIP[:60] + bytes(200) + GZIP[260:], "is damaged"),
        ("a.jsonl.gz", b"no gzip", "is damaged"),
        ("a.parquet", b"PAR1 and no more", "is damaged"),
        ("a.txt", b"text", "expected .json, .jsonl, .csv or .parquet"),
        ("data", b"text", "expected .json, .jsonl, .csv or .parquet"),
    ],
)
def test_damaged_files_are_named_in_one_line(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(GistevalError, match=message) as caught:
        list(read_table(tmp_path / name))
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_truncated_parquet_file_is_damaged(tmp_path: Path) -> None:
    path = as_parquet(tmp_path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(GistevalError, match="is damaged"):
        list(read_table(path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(GistevalError, match=r"absent\.json does not exist"):
        list(read_table(tmp_path / "absent.json"))


PAIRS = [{"y_pred": "a, b; c", "y_true": "x\ny"}, {"y_pred": "", "y_true": "\u65e5\u672c"}]
PAIR_LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in PAIRS)


def parted(delimiter: str, rows: list[dict[str, str]] = PAIRS) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("lines.json", PAIR_LINES.encode()),
        ("list.jsonl", json.dumps(PAIRS, indent=1).encode()),
        ("lines.csv", PAIR_LINES.encode()),
        ("semicolon.csv", parted(";").encode()),
        ("tabs.csv", parted("\t").encode()),
        ("commas.tsv", parted(",").encode()),
        ("tabs.tsv", parted("\t").encode()),
        ("wide.csv", parted(",").encode("utf-16")),
        ("wide big.csv", b"\xfe\xff" + parted(";").encode("utf-16-be")),
        ("wider.jsonl", PAIR_LINES.encode("utf-32")),
        ("wide.json", json.dumps(PAIRS).encode("utf-16")),
        ("packed.csv", gzip.compress(parted(",").encode(), mtime=0)),
        ("packed.jsonl.gz", gzip.compress(PAIR_LINES.encode("utf-16"), mtime=0)),
    ],
)
def test_what_is_certain_is_read_as_what_it_is(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert list(read_table(tmp_path / name)) == PAIRS


texts = st.text(alphabet='ab,;\t"\n{[ \u65e5', max_size=6)


@given(st.lists(st.fixed_dictionaries({"one": texts, "two": texts}), min_size=1, max_size=4))
def test_no_text_changes_how_a_table_is_parted(rows: list[dict[str, str]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        for delimiter in (",", ";", "\t"):
            path = Path(folder) / "data.csv"
            path.write_text(parted(delimiter, rows), encoding="utf-8", newline="")
            assert list(read_table(path)) == rows


def test_one_column_stays_one_column(tmp_path: Path) -> None:
    path = as_text("one.csv", "y_pred; y_true\na\nb; c; d\n", tmp_path)
    assert [list(row.values()) for row in read_table(path)] == [["a"], ["b; c; d"]]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"a": "x"}\n{"a": NaN}\n', "line 2: NaN is not valid JSON"),
        ("a.json", b'[{"a": [{"b": -Infinity}]}]', "-Infinity is not valid JSON"),
        ("a.jsonl", b'{"a": 1e999}', "line 1: the number 1e999 is too large"),
        ("a.jsonl", b'{"a": "x", "a": "y"}', "line 1: the name 'a' stands twice in one object"),
        ("a.csv", b"a,b,a\n1,2,3\n", "several columns are named 'a'; rename them"),
        ("a.csv", b"a;b;a\n1;2;3\n", "several columns are named 'a'; rename them"),
        ("a.csv", parted(",").encode("utf-16-le"), "seems to be UTF-16 without a byte order mark"),
        ("a.csv", b"PK\x03\x04 and so on", "is an Excel or zip file"),
        ("a.json", b'{"rows": [], "n": 1}', "holds one object .rows, n.: expected a list of objects"),
        ("a.jsonl", b'{\n "a": 1\n}', "line 1: not JSON"),
        ("a.jsonl", b"3\n", "record 1 is not an object"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(GistevalError, match=message) as caught:
        list(read_table(tmp_path / name))
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_parquet_column_of_numbers_has_no_text_nan(tmp_path: Path, refused) -> None:
    arrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    rows = {"instruction": ["say a"], "input": [float("nan")], "output": ["a"]}
    pyarrow.parquet.write_table(arrow.table(rows), tmp_path / "data.parquet")
    (tmp_path / "task.yaml").write_text(
        "{name: t, version: 1, description: d, license: l, splits: {test: {file: data.parquet}}}"
    )
    said = refused("validate", tmp_path / "task.yaml", "--with-data")
    assert "t/test, item 1: field 'input' is nan, not a text" in said


def test_every_command_refuses_nan_in_json_lines(tmp_path: Path, refused) -> None:
    row = '{"instruction": "say a", "input": NaN, "output": "a", "y_pred": "a", "y_true": "a"}\n'
    file = as_text("data.jsonl", row, tmp_path)
    (tmp_path / "task.yaml").write_text(
        "{name: t, version: 1, description: d, license: l, splits: {test: {file: data.jsonl}}}"
    )
    for command in (
        ("validate", tmp_path / "task.yaml", "--with-data"),
        ("score", file),
        ("import", file, "--output", tmp_path / "run"),
    ):
        assert "data.jsonl, line 1: NaN is not valid JSON" in refused(*command)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_file_that_unpacks_to_far_more_gives_its_first_rows_and_is_refused_as_a_whole(
    suffix: str, tmp_path: Path
) -> None:
    """150 MB of rows out of 150 kB: no more is unpacked than is asked for, and then only so much."""
    file = tmp_path / f"rows.{suffix}.gz"
    expected = {"a": "1", "b": "2", "c": "x" * 50_000}
    row = {"csv": ",".join(expected.values()) + "\n", "jsonl": json.dumps(expected) + "\n"}[suffix]
    with gzip.open(file, "wt") as stream:
        stream.write("a,b,c\n" if suffix == "csv" else "")
        for _ in range(150_000_000 // len(row)):
            stream.write(row)
    tracemalloc.start()
    try:
        rows = list(islice(read_table(file), 2))
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()
    assert rows == [expected] * 2
    assert file.stat().st_size < 600_000
    with pytest.raises(GistevalError, match="times its packed size"):
        deque(read_table(file), maxlen=0)


@pytest.mark.parametrize("start", ["a,b\n", 'a,b\n"', '{"a": "'])
def test_a_line_without_end_is_refused_without_reading_it_all(start: str, tmp_path: Path) -> None:
    file = tmp_path / ("rows.jsonl.gz" if start.startswith("{") else "rows.csv.gz")
    with gzip.open(file, "wt", compresslevel=1) as stream:
        stream.write(start)
        for _ in range(LONGEST_ROW // 1_000_000 + 2):
            stream.write("x" * 1_000_000)
    with pytest.raises(GistevalError, match="line without end"):
        deque(read_table(file), maxlen=0)
