"""The folder of a training that has not finished: its recipe and its saved steps."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from gisteval.errors import GistevalError
from gisteval.files.foreign import read_json
from gisteval.records.store import disk_error, write_json
from gisteval.training.recipe import Recipe, build_recipe


def unfinished_folder(output: Path) -> Path:
    """Return the folder of the saved steps of a training that writes to `output`."""
    return output / "unfinished"


def record_recipe(output: Path, recipe: Recipe) -> None:
    """Write the recipe into the folder of the saved steps.

    Raises:
        GistevalError: The folder belongs to a training with another recipe.
    """
    folder = unfinished_folder(output)
    file = folder / "recipe.json"
    before = _saved_recipe(file)
    if before not in (None, recipe):
        raise GistevalError(
            f"{folder} belongs to a training with another recipe: delete it to start afresh"
        )
    if before is None and any(folder.glob("checkpoint-*")):
        raise GistevalError(f"{file} is missing or damaged: delete {folder} to start afresh")
    write_json(file, recipe.model_dump())


def last_saved_step(output: Path) -> str | None:
    """Return the folder of the newest complete saved step, or None.

    The trainer's state is written last, so a step without a readable state was interrupted.
    """
    folders = unfinished_folder(output).glob("checkpoint-*")
    complete = [folder for folder in folders if _is_whole(folder / "trainer_state.json")]
    newest = max(complete, key=lambda folder: int(folder.name.split("-")[1]), default=None)
    return str(newest) if newest else None


def _saved_recipe(file: Path) -> Recipe | None:
    """The recipe in a file, or None if the file is missing or incomplete. Raises GistevalError."""
    return build_recipe(read_json(file), str(file)) if _is_whole(file) else None


def _is_whole(file: Path) -> bool:
    """Whether a file holds a JSON object, as one does that was written to its end."""
    try:
        return isinstance(read_json(file), dict)
    except (OSError, ValueError, RecursionError):
        return False


@contextmanager
def full_disk_as_expected_error(output: Path) -> Iterator[None]:
    """Turn the errors of a full disk into an expected error.

    safetensors and torch (inline_container) raise exceptions of their own for it.

    Raises:
        GistevalError: The disk is full.
    """
    try:
        yield
    except OSError as error:
        raise disk_error(output, error) from error
    except (RuntimeError, SafetensorError) as error:
        text = str(error)
        if "No space left" not in text and "inline_container" not in text:
            raise
        raise disk_error(output, OSError(errno.ENOSPC, text)) from error
