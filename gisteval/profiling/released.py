"""The paper's released benchmark files (jayelm/gisting, `benchmarking/*.csv`), recomputed by closed form.

A row is one human example run once: `model` "standard" runs the whole prompt, "gist" runs the input behind
`effective_num_gist_tokens` cached slots. In the `-prompt-` file that is the whole prompt, cached.
"""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Iterable
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
    """tokens run behind `cached` slots; flops and cuda_time (microseconds) as released.

    example: its number in the file. inputs: tokens of the input alone.
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
    """Means of one file's rows of one model: GFLOPs by closed form and as released, milliseconds."""

    file: str
    model: str
    rows: int
    gflops: float
    released_gflops: float
    unequal_rows: int
    milliseconds: float


def read_released(file: Path) -> list[ReleasedRow]:
    """The rows of one file. Raises GistevalError if it is no such file."""
    try:
        with TextIOWrapper(open_file(file), encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, ValueError, csv.Error) as error:
        raise GistevalError(f"{file} can't be read: give a benchmarking CSV of the paper") from error
    if not rows or not set(COLUMNS) <= rows[0].keys():
        needed = ", ".join(COLUMNS)
        raise GistevalError(f"{file} is no released benchmark file: it needs the columns {needed}")
    found = [_row(row, file, number) for number, row in enumerate(rows, 2)]
    often = Counter((row.model, row.example) for row in found)
    for (model, example), times in often.items():
        if times > 1:
            raise GistevalError(f"{file} holds {times} rows of {model} for {example}: keep one of them")
    return found


def _row(row: dict[str, str], file: Path, line: int) -> ReleasedRow:
    standard = row["model"] == "standard"
    try:
        found = ReleasedRow(
            example=row.get("id") or str(line),
            model=row["model"],
            tokens=int(row["num_prompt_tokens" if standard else "num_input_tokens"]),
            cached=0 if standard else int(row["effective_num_gist_tokens"]),
            inputs=int(row["num_input_tokens"]),
            flops=int(row["flops"]),
            cuda_time=float(row["cuda_time"]),
        )
    except (ValueError, TypeError) as error:
        raise GistevalError(f"{file}, line {line}: {error}: mend the file or fetch it again") from error
    sound = min(found.tokens, found.inputs) > 0 <= found.cached and 0 < found.cuda_time < math.inf
    if not sound:
        raise GistevalError(f"{file}, line {line}: a length or a time is no positive number: mend the file")
    return found


def shape_of(file: Path) -> Shape:
    """The shape that a released file's name stands for. Raises GistevalError for any other name."""
    shape = load_shape(shape_name(file)).closed
    assert shape is not None
    return shape


def shape_name(file: Path) -> str:
    """The model in a released file's name. Raises GistevalError for any other name."""
    for name in ("llama-7b", "flan-t5-xxl"):
        if name in file.name:
            return name
    raise GistevalError(f"{file}: its name holds neither llama-7b nor flan-t5-xxl, rename it")


def released_means(files: Iterable[Path]) -> list[ReleasedMeans]:
    """Means of each file's `standard` and `gist` rows; FLOPs recomputed for every row."""
    return [means for file in files for means in _file_means(file)]


def _file_means(file: Path) -> list[ReleasedMeans]:
    shape, rows = shape_of(file), read_released(file)
    found = []
    for model in dict.fromkeys(row.model for row in rows):
        own = [row for row in rows if row.model == model]
        flops = [forward(shape, row.tokens, row.cached).total for row in own]
        found.append(
            ReleasedMeans(
                file=file.name,
                model=model,
                rows=len(own),
                gflops=sum(flops) / len(own) / 1e9,
                released_gflops=sum(row.flops for row in own) / len(own) / 1e9,
                unequal_rows=sum(one != row.flops for one, row in zip(flops, own, strict=True)),
                milliseconds=sum(row.cuda_time for row in own) / len(own) / 1e3,
            )
        )
    return found
