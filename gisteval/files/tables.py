"""Files of rows, opened in one place: CSV, JSON and Parquet, as people and tools really write them.

The name says the format. Where it is certain that the content is another one, it is read as what it is:
JSON Lines named .json, a JSON list named .jsonl, UTF-16 with its mark, columns parted by `;` or tabs, gzip.
Rows of CSV and JSON Lines are read one by one, so that a limit of rows bounds memory and time.
What could be read in two ways is refused: a name that stands twice, and NaN, which JSON does not have.
"""

from __future__ import annotations

import gzip
import json
import math
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from gisteval.errors import GistevalError, MissingExtra, one_line
from gisteval.files.csv_rows import HEAD, csv_rows, delimiter_of, repeated
from gisteval.files.foreign import LONGEST_ROW, MOST_EXPANSION

JSON_LINES = (".jsonl", ".ndjson")
FORMATS = (".json", *JSON_LINES, ".csv", ".tsv", ".parquet")

_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"


LONGEST_DOCUMENT = 512 << 20
"""Characters of a JSON list, which is read as a whole."""


def read_table(path: Path, otherwise: str | None = None) -> Iterator[dict[str, Any]]:
    """The rows of a file, in order; those of CSV and JSON Lines are read one by one.

    otherwise: the format of a name that says none, such as ".csv"; None refuses it. Raises GistevalError
    naming the file, the line where there is one, what is wrong, and what to do.
    """
    if not path.is_file():
        raise GistevalError(f"data file {path} does not exist: check its name")
    kind = _format(path) or otherwise
    if kind is None:
        raise GistevalError(f"data file {path}: expected .json, .jsonl, .csv or .parquet")
    if kind == ".parquet":
        yield from _parquet(path)
        return
    try:
        with _open(path) as stream:
            for number, row in enumerate(_rows(stream, kind, path), 1):
                if not isinstance(row, dict):
                    raise GistevalError(
                        f"{path}: record {number} is not an object: each must be one with named fields"
                    )
                yield row
    except UnicodeError as error:
        raise _no_text(path, error) from error
    except (OSError, EOFError, zlib.error) as error:
        raise _damaged(path, error) from error


def _format(path: Path) -> str | None:
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    return suffixes[-1] if suffixes and suffixes[-1] in FORMATS else None


def _damaged(path: Path, error: BaseException) -> GistevalError:
    return GistevalError(f"data file {path} is damaged ({one_line(error)}): download or export it again")


def _no_text(path: Path, error: UnicodeError) -> GistevalError:
    """Where the file stops to be text; a packed one may well be damaged instead."""
    content = path.read_bytes()
    if content.startswith(_GZIP):
        return _damaged(path, error)
    try:
        content.decode(_encoding(content))
    except UnicodeDecodeError as whole:
        return GistevalError(f"{path}: not UTF-8 text (byte {whole.start}); save it as UTF-8")
    return GistevalError(f"{path}: not UTF-8 text; save it as UTF-8")


def _encoding(head: bytes) -> str:
    return next((name for mark, name in _MARKS if head.startswith(mark)), "utf-8")


def _open(path: Path) -> IO[str]:
    """The file as text: gzip is seen through, and a byte order mark says the encoding."""
    with path.open("rb") as raw:
        head = raw.read(4)
    if head == _ZIP:
        raise GistevalError(f"{path}: is an Excel or zip file: save it as CSV or JSON Lines")
    packed = head.startswith(_GZIP) or path.suffix.lower() == ".gz"
    if packed:
        with gzip.open(path, "rb") as unpacked:
            head = unpacked.read(4)
    encoding = _encoding(head)
    if encoding == "utf-8" and b"\x00" in head:
        raise GistevalError(f"{path}: seems to be UTF-16 without a byte order mark: save it as UTF-8")
    if packed:
        return gzip.open(path, "rt", encoding=encoding, newline="")
    return path.open(encoding=encoding, newline="")


def _rows(stream: IO[str], kind: str, path: Path) -> Iterator[Any]:
    """The rows by what the file's name says, or by what its first letter shows for certain."""
    first = next((line for line in _lines(stream, path) if line.strip()), "")
    stream.seek(0)
    # A header of CSV that begins like this would be no name of a column.
    if kind in (".csv", ".tsv") and _is_object(first):
        kind = ".jsonl"
    if kind == ".json" or (kind in JSON_LINES and first.lstrip().startswith("[")):
        return _json(_document(stream, path), path)
    if kind in JSON_LINES:
        return _json_lines(_lines(stream, path), path)
    delimiter = delimiter_of(stream.read(HEAD), "\t" if kind == ".tsv" else ",", path)
    stream.seek(0)
    return csv_rows(_lines(stream, path), delimiter, path)


def _lines(stream: IO[str], path: Path) -> Iterator[str]:
    """The lines of a text. Raises GistevalError at one without end, or if the file unpacks to too much."""
    packed = path.stat().st_size if isinstance(getattr(stream, "buffer", None), gzip.GzipFile) else None
    most = math.inf if packed is None else LONGEST_ROW + MOST_EXPANSION * packed
    while line := stream.readline(LONGEST_ROW):
        most -= len(line)
        if len(line) == LONGEST_ROW or most < 0:
            what = "a line without end" if most >= 0 else f"over {MOST_EXPANSION} times its packed size"
            raise GistevalError(f"data file {path} holds {what}: it is damaged, or not a table")
        yield line


def _document(stream: IO[str], path: Path) -> str:
    text = stream.read(LONGEST_DOCUMENT + 1)
    if len(text) > LONGEST_DOCUMENT:
        raise GistevalError(
            f"data file {path} is a JSON document of over {LONGEST_DOCUMENT >> 20} Mi characters: "
            "write one object a line (.jsonl)"
        )
    return text


def _is_object(line: str) -> bool:
    try:
        return line.startswith("{") and isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _json(text: str, path: Path) -> Iterator[Any]:
    """A JSON list; or objects one a line, which no other JSON document looks like."""
    lines = text.split("\n")
    if text.lstrip().startswith("{") and all(_is_object(line) for line in lines if line.strip()):
        filled = [line for line in lines if line.strip()]
        if len(filled) > 1:
            yield from _json_lines(lines, path)
            return
    found = _parsed(text, str(path))
    if not isinstance(found, list):
        what = f"one object ({', '.join(map(str, found))[:80]})" if isinstance(found, dict) else "one value"
        raise GistevalError(
            f"{path}: holds {what}: expected a list of objects; name the file .jsonl if each line is one"
        )
    yield from found


def _json_lines(lines: Iterable[str], path: Path) -> Iterator[Any]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _parsed(line, f"{path}, line {number}")


class _Refused(ValueError):
    """What JSON readers let pass, and nobody can mean."""


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_number, parse_float=_number)
    except _Refused as error:
        raise GistevalError(f"{where}: {error}") from error
    except (ValueError, RecursionError) as error:
        reason = one_line(error)
        if isinstance(error, json.JSONDecodeError):
            reason = f"{error.msg} at column {error.colno}"
        raise GistevalError(
            f"{where}: not JSON ({reason}); write one object a line in .jsonl, one list of objects in .json"
        ) from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Refused(f"the name {repeated([name for name, _ in pairs])!r} stands twice in one object")
    return found


def _no_number(text: str) -> None:
    raise _Refused(f"{text} is not valid JSON: write null for a missing value, or put the text in quotes")


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _Refused(f"the number {text} is too large: write it as a text in quotes")
    return value


def _parquet(path: Path) -> Iterator[dict[str, Any]]:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtra("pyarrow", "data") from error
    from gisteval.files.parquet import rows

    try:
        yield from rows(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise _damaged(path, error) from error
