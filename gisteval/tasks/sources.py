"""Reading items of a split from files, checked downloads or a hub data set."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import os
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from gisteval.errors import GistevalError, MissingExtra, one_line

DATA_DIR_VARIABLE = "GISTEVAL_DATA_DIR"


def read_file(path: Path) -> Iterator[dict[str, Any]]:
    """Items of a .json (list), .jsonl, .csv or .parquet file; .gz is seen through."""
    if not path.is_file():
        raise GistevalError(f"data file {path} does not exist")
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    readers = {".json": _read_json, ".jsonl": _read_jsonl, ".csv": _read_csv}
    kind = suffixes[-1] if suffixes else ""
    if kind == ".parquet":
        yield from _read_parquet(path)
        return
    if kind not in readers:
        raise GistevalError(f"data file {path}: expected .json, .jsonl, .csv or .parquet")
    try:
        with _open(path) as stream:
            for item in readers[kind](stream):
                if not isinstance(item, dict):
                    raise GistevalError(f"data file {path}: every item must be an object with fields")
                yield item
    except (ValueError, EOFError, OSError, RecursionError, csv.Error, zlib.error) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: BaseException) -> GistevalError:
    return GistevalError(f"data file {path} is damaged ({one_line(error)}): fetch or write it again")


def _open(path: Path) -> IO[str]:
    # utf-8-sig: spreadsheets begin their CSV with a byte order mark.
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _read_json(stream: IO[str]) -> Iterator[Any]:
    content = json.load(stream)
    if not isinstance(content, list):
        raise ValueError("a JSON list was expected")
    yield from content


def _read_jsonl(stream: IO[str]) -> Iterator[Any]:
    for number, line in enumerate(stream, 1):
        if line.strip():
            try:
                yield json.loads(line)
            except json.JSONDecodeError as error:
                raise ValueError(f"line {number}: {error.msg}") from error


def _read_csv(stream: IO[str]) -> Iterator[Any]:
    # Not DictReader: that fills a row cut short with empty texts, in silence.
    limit = csv.field_size_limit(sys.maxsize)
    try:
        reader = csv.reader(stream, strict=True)
        header = next(reader, [])
        rows = []
        for row in reader:
            if len(row) not in (0, len(header)):
                raise csv.Error(f"line {reader.line_num}: {len(row)} fields, the header has {len(header)}")
            rows.append(row)
    finally:
        csv.field_size_limit(limit)
    return (dict(zip(header, row, strict=True)) for row in rows if row)


def _read_parquet(path: Path) -> Iterator[dict[str, Any]]:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtra("pyarrow", "data") from error
    try:
        for batch in pyarrow.parquet.ParquetFile(path).iter_batches():
            yield from batch.to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        raise _damaged(path, error) from error


def read_dataset(name: str) -> Iterator[dict[str, Any]]:
    """Items of a Hugging Face data set, "org/name:config:split" (config may be empty).

    Raises GistevalError if it can't be loaded, or if the name is also that of a folder here, which the
    library would read instead.
    """
    try:
        import datasets
    except ImportError as error:
        raise MissingExtra("datasets", "data") from error
    path, config, split = [*name.split(":"), "", ""][:3]
    if Path(path).exists():
        raise GistevalError(
            f"data set {name!r}: {path} exists in this folder and would be read instead of the hub's: "
            "start gisteval elsewhere"
        )
    try:
        loaded = datasets.load_dataset(path, config or None, split=split or "train", streaming=True)
        for item in loaded:
            yield dict(item)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise GistevalError(
            f"data set {name!r} can't be loaded ({one_line(error)}): check its name and the network"
        ) from error


def fetch(url: str, sha256: str, data_dir: Path | None) -> Path:
    """A local copy of a checked file: from the data folder if one is named, else downloaded once into
    the user's cache.
    """
    name = urlsplit(url).path.rsplit("/", 1)[-1]
    found = in_data_folder(name, sha256, data_dir)
    if found is not None:
        return found
    import pooch
    import requests

    try:
        return Path(pooch.retrieve(url, f"sha256:{sha256}", path=pooch.os_cache("gisteval")))
    except (requests.RequestException, OSError) as error:
        raise GistevalError(
            f"{name} can't be downloaded ({one_line(error)}): put it into a folder and pass "
            f"--data-dir, or set {DATA_DIR_VARIABLE}"
        ) from error
    except ValueError as error:
        raise GistevalError(
            f"{url} can't be used ({one_line(error)}): check the url and its sha256 in the task file"
        ) from error


def in_data_folder(name: str, sha256: str, data_dir: Path | None) -> Path | None:
    """A checked file of this name anywhere below the data folder; None if there is no such folder.

    data_dir falls back to the environment variable GISTEVAL_DATA_DIR.
    """
    folder = data_dir or (Path(os.environ[DATA_DIR_VARIABLE]) if DATA_DIR_VARIABLE in os.environ else None)
    if folder is None:
        return None
    found = [path for path in sorted(folder.rglob("*")) if path.name == name and path.is_file()]
    if not found:
        raise GistevalError(
            f"{name} is not in the data folder {folder}: put it there, or leave "
            f"--data-dir and {DATA_DIR_VARIABLE} away (a task's url is downloaded then)"
        )
    # Several files may share the name; the checksum tells which one is meant.
    sound = [path for path in found if _digest(path) == sha256]
    if not sound:
        check_digest(found[0], sha256)
    return sound[0]


def check_digest(path: Path, sha256: str) -> None:
    """Raise GistevalError unless the file exists and has this SHA-256."""
    if not path.is_file():
        raise GistevalError(
            f"data file {path} does not exist: put it there, or name the folder that has it with --data-dir"
        )
    found = _digest(path)
    if found != sha256:
        raise GistevalError(
            f"data file {path} is corrupt or truncated (SHA-256 {found[:12]}..., expected "
            f"{sha256[:12]}...): fetch it again"
        )


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
