"""Reading items of a split from files, checked downloads or a hub data set."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from gisteval.errors import GistevalError, MissingExtra

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
    except (ValueError, EOFError, OSError, csv.Error) as error:
        raise GistevalError(f"data file {path} is damaged ({error}): fetch or write it again") from error


def _open(path: Path) -> IO[str]:
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def _read_json(stream: IO[str]) -> Iterator[Any]:
    content = json.load(stream)
    if not isinstance(content, list):
        raise ValueError("a JSON list was expected")
    yield from content


def _read_jsonl(stream: IO[str]) -> Iterator[Any]:
    return (json.loads(line) for line in stream if line.strip())


def _read_csv(stream: IO[str]) -> Iterator[Any]:
    return iter(csv.DictReader(stream))


def _read_parquet(path: Path) -> Iterator[dict[str, Any]]:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtra("pyarrow", "data") from error
    try:
        for batch in pyarrow.parquet.ParquetFile(path).iter_batches():
            yield from batch.to_pylist()
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise GistevalError(f"data file {path} is damaged ({error}): fetch or write it again") from error


def read_dataset(name: str) -> Iterator[dict[str, Any]]:
    """Items of a Hugging Face data set, "org/name:config:split" (config may be empty)."""
    try:
        import datasets
    except ImportError as error:
        raise MissingExtra("datasets", "data") from error
    path, config, split = [*name.split(":"), "", ""][:3]
    try:
        loaded = datasets.load_dataset(path, config or None, split=split or "train", streaming=True)
    except (OSError, ValueError, datasets.exceptions.DatasetNotFoundError) as error:
        raise GistevalError(f"data set {name!r} can't be loaded: {error}") from error
    for item in loaded:
        yield dict(item)


def fetch(url: str, sha256: str, data_dir: Path | None) -> Path:
    """A local copy of a checked file: from the data folder if it is there, else downloaded once.

    data_dir falls back to the environment variable GISTEVAL_DATA_DIR; downloads go to the user's cache.
    """
    name = url.rsplit("/", 1)[-1]
    folder = data_dir or (Path(os.environ[DATA_DIR_VARIABLE]) if DATA_DIR_VARIABLE in os.environ else None)
    if folder is not None:
        found = next((path for path in sorted(folder.rglob(name)) if path.is_file()), None)
        if found is None:
            raise GistevalError(
                f"{name} is not in the data folder {folder}: put it there, or leave "
                f"--data-dir and {DATA_DIR_VARIABLE} away to download it"
            )
        check_digest(found, sha256)
        return found
    import pooch
    import requests

    try:
        return Path(pooch.retrieve(url, f"sha256:{sha256}", path=pooch.os_cache("gisteval")))
    except ValueError as error:
        raise GistevalError(f"{url}: the download does not have the SHA-256 {sha256}") from error
    except (requests.RequestException, OSError) as error:
        raise GistevalError(
            f"{name} can't be downloaded ({type(error).__name__}): put it into a folder and pass "
            f"--data-dir, or set {DATA_DIR_VARIABLE}"
        ) from error


def check_digest(path: Path, sha256: str) -> None:
    """Raise GistevalError unless the file exists and has this SHA-256."""
    if not path.is_file():
        raise GistevalError(f"data file {path} does not exist")
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != sha256:
        raise GistevalError(
            f"data file {path} is corrupt or truncated: SHA-256 {found[:12]}..., expected {sha256[:12]}..."
        )
