"""The options of `gisteval profile`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gisteval.config import RunConfig
from gisteval.errors import GistevalError
from gisteval.options import Panel, as_one, check_bounds, option, same_as
from gisteval.records.budget import parse_budgets

OUTPUT_TOKENS = 17
"""Output length of a measured model: the first token, which the prefill gives, and sixteen decoded ones."""

MOST_DECODED = 10**6
"""Longest output of a measured model, in tokens."""

INPUT_TOKENS = 34
"""Default input length of a what-if table."""

_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}


def parse_bytes(text: str) -> int:
    """Read a size such as `80GB`, `24 GiB` or a plain number of bytes.

    Raises:
        GistevalError: The text is anything else.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]I?B|)\s*", text.upper())
    if match is None or float(match[1]) <= 0:
        raise GistevalError(f"memory budget {text!r} is not a size: write it like 80GB or 24GiB")
    return int(float(match[1]) * _UNITS[match[2]])


def numbers_of(flag: str) -> Callable[[str], tuple[int, ...]]:
    """Return a parser of comma-separated positive numbers. A repeated number counts once.

    Args:
        flag: The option, for an error message.
    """

    def parse(text: str) -> tuple[int, ...]:
        parts = [part.strip() for part in text.split(",")]
        if not all(part.isdecimal() and int(part) for part in parts):
            raise GistevalError(f"{flag} must be positive numbers separated by commas, not {text!r}")
        return tuple(dict.fromkeys(int(part) for part in parts))

    return parse


@dataclass(frozen=True, slots=True)
class ProfileOptions:
    """The options of `gisteval profile`: a model, shapes without weights, or the paper's files."""

    model: str | None = option(
        None,
        "Model to measure: the folder of a checkpoint or of a suite, or a name on the Hugging Face hub.",
        Panel.MODELS,
        metavar="PATH",
    )
    shapes: tuple[str, ...] = option(
        (),
        "Sizes of a model whose FLOPs are counted without weights: llama-7b, flan-t5-xxl, or a "
        "config.json. May be repeated with --what-if.",
        Panel.MODELS,
        flag="shape",
        metavar="NAME|FILE",
        split=as_one,
    )
    released: tuple[Path, ...] = option(
        (),
        "The paper's benchmark CSVs, to recompute their means. May be repeated.",
        Panel.MODELS,
        metavar="FILE",
        split=as_one,
    )
    chat_template: str | None = same_as(RunConfig, "chat_template")
    compressors: tuple[str, ...] = same_as(RunConfig, "compressors")
    budgets: tuple[str, ...] = same_as(RunConfig, "budgets")
    task: str = same_as(RunConfig, "task")
    split: str | None = option(
        None,
        "Part of the task whose prompts are used.",
        Panel.TASK,
        metavar="NAME",
        unset="the last of the task's own choice",
    )
    limit: int = option(
        32,
        "Number of examples, spread evenly over the split.",
        Panel.TASK,
        metavar="N",
        least=1,
        most=10**9,
    )
    data_dir: str | None = same_as(RunConfig, "data_dir")
    input_tokens: int | None = option(
        None,
        "Length of what is run through a shape, in tokens.",
        Panel.MEASUREMENT,
        metavar="N",
        unset=f"{INPUT_TOKENS} with --what-if",
    )
    cached_tokens: int = option(
        0,
        "Length of what is cached before it, in tokens.",
        Panel.MEASUREMENT,
        metavar="N",
    )
    output_tokens: int | None = option(
        None,
        "Length of the output, in tokens.",
        Panel.MEASUREMENT,
        metavar="N",
        unset=f"1 for a shape, {OUTPUT_TOKENS} for a model",
    )
    batch_sizes: tuple[int, ...] = option(
        (1, 8),
        "Examples that are run at once: one number, or several separated by commas.",
        Panel.MEASUREMENT,
        flag="batch-size",
        more_flags=("batch-sizes",),
        metavar="N,N",
        most=10**5,
        parse=numbers_of("--batch-size"),
    )
    time_budget: float = option(
        60.0,
        "Time for all measurements of a loaded model, in seconds.",
        Panel.MEASUREMENT,
        metavar="SECONDS",
    )
    memory_budget: int = option(
        80 * 10**9,
        "Memory to fill with compressed prompts, such as 80GB or 24GiB.",
        Panel.MEASUREMENT,
        metavar="SIZE",
        unset="80GB",
        parse=parse_bytes,
    )
    what_if: bool = option(
        False, "Compute the cost of many prompt lengths on the shapes.", Panel.MEASUREMENT
    )
    prompt_tokens: tuple[int, ...] = option(
        (26, 100, 400, 1000, 4000),
        "Lengths of prompts, for --what-if.",
        Panel.MEASUREMENT,
        metavar="N,N",
        parse=numbers_of("--prompt-tokens"),
    )
    gist_tokens: tuple[int, ...] = option(
        (1, 10),
        "Numbers of gist tokens, for --what-if.",
        Panel.MEASUREMENT,
        metavar="N,N",
        parse=numbers_of("--gist-tokens"),
    )
    watts: float | None = option(
        None,
        "Power that the machine takes, to model energy as watts times time. Without it, energy is measured "
        "where the machine counts it (RAPL, NVML), and else not given.",
        Panel.HARDWARE,
        metavar="W",
    )
    threads: int | None = option(
        None,
        "CPU threads.",
        Panel.HARDWARE,
        metavar="N",
        least=1,
        most=4096,
        unset="as many as PyTorch chooses",
    )
    device: str = same_as(RunConfig, "device")
    dtype: str = same_as(RunConfig, "dtype")
    device_map: str | None = same_as(RunConfig, "device_map")
    quantize: str | None = same_as(RunConfig, "quantize")

    def __post_init__(self) -> None:
        """Check that the options fit together."""
        if sum(map(bool, (self.shapes, self.model, self.released))) != 1:
            raise GistevalError("give one of --shape (no weights), --model (with weights) or --released")
        check_bounds(self, "--")
        parse_budgets(self.budgets)
        if self.compressors and not self.model:
            raise GistevalError("--compressor is measured on a model: give --model")
        if self.model and not 2 <= self.decoded_tokens <= MOST_DECODED:
            raise GistevalError(
                f"--output-tokens must be from 2 to {MOST_DECODED:,}, not {self.output_tokens}"
            )
        if self.watts is not None and not 0 < self.watts < math.inf:
            raise GistevalError(f"--watts must be a number above 0, not {self.watts:g}")
        if not 0 < self.time_budget < math.inf:
            raise GistevalError(
                f"--time-budget must be a number of seconds above 0, not {self.time_budget:g}"
            )

    @property
    def decoded_tokens(self) -> int:
        """Length of the output of a measured model."""
        return OUTPUT_TOKENS if self.output_tokens is None else self.output_tokens
