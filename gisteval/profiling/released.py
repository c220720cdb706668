"""The paper's released benchmark files (jayelm/gisting, `benchmarking/*.csv`), recomputed by closed form.

A row is one human example that is run once. With `model` "standard" it runs the whole prompt, with "gist"
it runs the input behind `effective_num_gist_tokens` cached slots. In the `-prompt-` file these slots are
the whole prompt.
"""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path

from gisteval.errors import GistevalError
from gisteval.files.foreign import open_file
from gisteval.profiling.closed_form import forward
from gisteval.profiling.shapes import Shape, load_shape

COLUMNS = (
    "model",
    "num_prompt_tokens",
    "num_input_tokens",
    "effective_num_gist_tokens",
    "flops",
    "cuda_time",
)


@dataclass(frozen=True, slots=True)
class ReleasedRow:
    """One row of a released file.

    Attributes:
        example: The example's id, or its line in the file.
        model: "standard" or "gist".
        tokens: Tokens that are run.
        cached: Slots in the cache before them.
        inputs: Tokens of the input alone.
        flops: FLOPs as released.
        cuda_time: Microseconds as released.
    """

    example: str
    model: str
    tokens: int
    cached: int
    inputs: int
    flops: int
    cuda_time: float


@dataclass(frozen=True, slots=True)
class ReleasedMeans:
    """Means over one file's rows of one model.

    Attributes:
        file: Name of the file.
        model: "standard" or "gist".
        rows: Number of rows.
        gflops: Mean GFLOPs by closed form.
        released_gflops: Mean GFLOPs as released.
        unequal_rows: Rows whose FLOPs by closed form differ from those released.
        milliseconds: Mean time as released.
    """

    file: str
    model: str
    rows: int
    gflops: float
    released_gflops: float
    unequal_rows: int
    milliseconds: float


def read_released(file: Path) -> list[ReleasedRow]:
    """Read the rows of one file.

    Raises:
        GistevalError: The file is not a released benchmark file, or it is damaged.
    """
    try:
        with TextIOWrapper(open_file(file), encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, ValueError, csv.Error) as error:
        raise GistevalError(f"{file} can't be read: give a benchmarking CSV of the paper") from error
    if not rows or not set(COLUMNS) <= rows[0].keys():
        needed = ", ".join(COLUMNS)
        raise GistevalError(f"{file} is no released benchmark file: it needs the columns {needed}")
    released = [_row(row, file, number) for number, row in enumerate(rows, 2)]
    counts = Counter((row.model, row.example) for row in released)
    for (model, example), count in counts.items():
        if count > 1:
            raise GistevalError(
                f"{file} holds {count} rows of {model} for {example}: keep only one of them"
            )
    return released


def _row(row: dict[str, str], file: Path, line: int) -> ReleasedRow:
    standard = row["model"] == "standard"
    try:
        released = ReleasedRow(
            example=row.get("id") or str(line),
            model=row["model"],
            tokens=int(row["num_prompt_tokens" if standard else "num_input_tokens"]),
            cached=0 if standard else int(row["effective_num_gist_tokens"]),
            inputs=int(row["num_input_tokens"]),
            flops=int(row["flops"]),
            cuda_time=float(row["cuda_time"]),
        )
    except (ValueError, TypeError) as error:
        raise GistevalError(
            f"{file}, line {line}: {error}: correct the line or download the file again"
        ) from error
    lengths_valid = min(released.tokens, released.inputs) > 0 and released.cached >= 0
    if not (lengths_valid and 0 < released.cuda_time < math.inf):
        raise GistevalError(
            f"{file}, line {line}: a length or a time is not a positive number: correct the line or "
            "download the file again"
        )
    return released


def shape_of(file: Path) -> Shape:
    """Return the shape of the model that a released file's name contains.

    Raises:
        GistevalError: The name contains neither model.
    """
    shape = load_shape(shape_name(file)).closed
    assert shape is not None
    return shape


def shape_name(file: Path) -> str:
    """Return the model that a released file's name contains.

    Raises:
        GistevalError: The name contains neither model.
    """
    for name in ("llama-7b", "flan-t5-xxl"):
        if name in file.name:
            return name
    raise GistevalError(f"{file}: its name contains neither llama-7b nor flan-t5-xxl: rename it")


def released_means(files: Iterable[Path]) -> list[ReleasedMeans]:
    """Return the means of each file's `standard` and `gist` rows, with FLOPs recomputed for every row."""
    return [means for file in files for means in _file_means(file)]


def _file_means(file: Path) -> list[ReleasedMeans]:
    shape, rows = shape_of(file), read_released(file)
    return [
        _model_means(file, shape, model, [row for row in rows if row.model == model])
        for model in dict.fromkeys(row.model for row in rows)
    ]


def _model_means(file: Path, shape: Shape, model: str, rows: Sequence[ReleasedRow]) -> ReleasedMeans:
    computed = [forward(shape, row.tokens, row.cached).total for row in rows]
    return ReleasedMeans(
        file=file.name,
        model=model,
        rows=len(rows),
        gflops=sum(computed) / len(rows) / 1e9,
        released_gflops=sum(row.flops for row in rows) / len(rows) / 1e9,
        unequal_rows=sum(flops != row.flops for flops, row in zip(computed, rows, strict=True)),
        milliseconds=sum(row.cuda_time for row in rows) / len(rows) / 1e3,
    )
