"""Where a split's items come from: checked downloads, the data folder, or a hub data set."""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gisteval.errors import GistevalError, MissingExtra, one_line
from gisteval.files.cache import cache_folder

DATA_DIR_VARIABLE = "GISTEVAL_DATA_DIR"


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
    """A local copy of a checked file: from the data folder if one is named, else downloaded into the cache.

    Args:
        url: Where the file is published.
        sha256: Its checksum.
        data_dir: The data folder.

    Raises:
        GistevalError: The file can't be downloaded, or its checksum differs.
    """
    name = urlsplit(url).path.rsplit("/", 1)[-1]
    local = in_data_folder(name, sha256, data_dir)
    if local is not None:
        return local
    import pooch

    with _download_errors(name, url):
        return Path(pooch.retrieve(url, f"sha256:{sha256}", path=cache_folder()))


def download(url: str, path: Path) -> None:
    """Download a file whose content is checked later. Raises GistevalError if that fails."""
    import pooch

    path.parent.mkdir(parents=True, exist_ok=True)
    with _download_errors(path.name, url):
        pooch.HTTPDownloader()(url, path, None)


@contextmanager
def _download_errors(name: str, url: str) -> Iterator[None]:
    """Say in one line what went wrong and what to do."""
    import requests

    try:
        yield
    except (requests.RequestException, OSError) as error:
        raise GistevalError(
            f"{name} can't be downloaded ({one_line(error)}): put it into a folder and pass "
            f"--data-dir, or set {DATA_DIR_VARIABLE}"
        ) from error
    except ValueError as error:
        raise GistevalError(
            f"{url} can't be used ({one_line(error)}): check the url and its sha256 in the task file"
        ) from error


def in_data_folder(name: str, sha256: str, data_dir: Path | None, unpacked: bool = False) -> Path | None:
    """A checked file of this name anywhere below the data folder; None if there is no such folder.

    data_dir falls back to the environment variable GISTEVAL_DATA_DIR. unpacked: the checksum is that of
    the content of a .gz file.
    """
    folder = data_dir or (Path(os.environ[DATA_DIR_VARIABLE]) if DATA_DIR_VARIABLE in os.environ else None)
    if folder is None:
        return None
    candidates = [path for path in sorted(folder.rglob("*")) if path.name == name and path.is_file()]
    if not candidates:
        raise GistevalError(
            f"{name} is not in the data folder {folder}: put it there, or leave "
            f"out --data-dir and {DATA_DIR_VARIABLE} to download the task's url"
        )
    # Several files may share the name; the checksum tells which one is meant.
    matching = [path for path in candidates if file_digest(path, unpacked) == sha256]
    if not matching:
        check_digest(candidates[0], sha256, unpacked)
    return matching[0]


def check_digest(path: Path, sha256: str, unpacked: bool = False) -> None:
    """Raise GistevalError unless the file, or its content if unpacked, exists and has this SHA-256."""
    if not path.is_file():
        raise GistevalError(
            f"data file {path} does not exist: put it there, or name the folder that has it with --data-dir"
        )
    actual = file_digest(path, unpacked)
    if actual != sha256:
        raise GistevalError(
            f"data file {path} is corrupt or truncated (SHA-256 {actual[:12]}..., expected "
            f"{sha256[:12]}...): download it again"
        )


def file_digest(path: Path, unpacked: bool = False) -> str:
    """The SHA-256 of a file, or of its content; "" for a file that can't be unpacked."""
    with path.open("rb") as stream:
        if not unpacked:
            return hashlib.file_digest(stream, "sha256").hexdigest()
        found = hashlib.sha256()
        try:
            with gzip.open(stream) as content:
                while block := content.read(1 << 20):
                    found.update(block)
        except (OSError, EOFError, zlib.error):
            return ""
        return found.hexdigest()
