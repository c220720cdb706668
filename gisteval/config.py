"""One frozen configuration of a run, from a YAML file and flags (flags win)."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from gisteval.content import read_yaml
from gisteval.errors import GistevalError, did_you_mean
from gisteval.records.schema import as_condition
from gisteval.thinking import PAIRS, Thinking, check_pair

ALIASES = {
    "model": "models",
    "split": "splits",
    "compressor": "compressors",
    "judge_param": "judge_params",
}
"""Fields that hold several values, by the names of their flags."""

FLAGS_ONLY = ("allow_host",)
"""Fields that no file may set, since it may be somebody else's."""

EXECUTORS = ("local", "ray")


@dataclass(frozen=True, slots=True)
class RunConfig:
    """What `gisteval run` evaluates and how. Empty tuples and None stand for the defaults.

    models: checkpoint or suite folders (default: the bundled demo suites); base: what weight differences
    or adapters are added to; chat_template: "system" or "user", where the instruction stands in the
    tokenizer's own template; thinking: "strip" or "keep" what a model writes before it answers, between the
    two thinking_tags; device_map: a strategy of accelerate's or a JSON file, in place of a device;
    quantize: weights in "int8" or "int4"; splits: of the task (default: its own choice); limit: examples a
    split; output: folder of the run; judge: of the win rates, or "none"; judge_params: fields of its
    requests, "name=value" each (see gisteval.judging.parameters); allow_host: a server that the judge's
    file may name; profile: measure speed and memory once the records are complete; executor: "local" or
    "ray", the latter with its cluster's address, its number of workers and the GPUs of each, which may be
    a part of one.
    """

    models: tuple[str, ...] = ()
    pos_control: str | None = None
    neg_control: str | None = None
    condition: str | None = None
    k: int | None = None
    compressors: tuple[str, ...] = ()
    budget: int | None = None
    task: str = "wordplay"
    splits: tuple[str, ...] = ()
    limit: int | None = None
    batch_size: str = "auto"
    max_new_tokens: int | None = None
    device: str = "auto"
    dtype: str = "auto"
    device_map: str | None = None
    quantize: str | None = None
    seed: int = 0
    output: str | None = None
    data_dir: str | None = None
    allow_pickle: bool = False
    base: str | None = None
    chat_template: str | None = None
    thinking: str = "strip"
    thinking_tags: tuple[str, ...] = PAIRS[0]
    judge: str = "reference"
    allow_host: str | None = None
    judge_params: tuple[str, ...] = ()
    profile: bool = False
    executor: str = "local"
    ray_address: str | None = None
    num_workers: int | None = None
    gpus_per_worker: float | None = None

    def __post_init__(self) -> None:
        for name in ("limit", "k", "budget", "max_new_tokens"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise GistevalError(f"{name.replace('_', '-')} must be at least 1, not {value}")
        if self.seed < 0:
            raise GistevalError(f"seed must be at least 0, not {self.seed}")
        as_condition(self.condition)
        self.thoughts()
        self.rows_per_batch()
        check_executor(self.executor, self.ray_address, self.num_workers, self.gpus_per_worker)

    def thoughts(self) -> Thinking:
        """What becomes of the models' thoughts. Raises GistevalError for an unknown rule, or bad tags."""
        if self.thinking not in ("strip", "keep"):
            raise GistevalError(f"thinking must be strip or keep, not {self.thinking!r}")
        try:
            return Thinking(self.thinking == "strip", check_pair(self.thinking_tags))
        except ValueError as error:
            raise GistevalError(f"thinking-tags: {error}") from error

    def rows_per_batch(self) -> int | None:
        """Batch size as a number, None for "auto". Raises GistevalError for anything else."""
        if self.batch_size == "auto":
            return None
        if not self.batch_size.isdigit() or int(self.batch_size) < 1:
            raise GistevalError(f"batch-size must be auto or a positive number, not {self.batch_size!r}")
        return int(self.batch_size)

    def to_json(self) -> dict[str, Any]:
        """Plain form for the manifest."""
        return asdict(self)


def check_executor(name: str, address: str | None, workers: int | None, gpus: float | None) -> None:
    """Raises GistevalError for an unknown executor, options that it has not, or an impossible share."""
    if name not in EXECUTORS:
        raise GistevalError(
            f"executor {name!r} is unknown{did_you_mean(name, EXECUTORS)}: choose {' or '.join(EXECUTORS)}"
        )
    options = {"ray-address": address, "num-workers": workers, "gpus-per-worker": gpus}
    for option, value in options.items():
        if name != "ray" and value is not None:
            raise GistevalError(f"--{option} is an option of --executor ray")
    if workers is not None and workers < 1:
        raise GistevalError(f"num-workers must be at least 1, not {workers}")
    if gpus is not None and not (math.isfinite(gpus) and gpus >= 0 and (gpus <= 1 or gpus % 1 == 0)):
        raise GistevalError(f"gpus-per-worker must be a part of one GPU or a whole number, not {gpus:g}")


def read_config(path: Path | None, flags: Mapping[str, Any]) -> RunConfig:
    """A RunConfig from an optional YAML file, with the flags that were given laid over it.

    None, in the file as in a flag, stands for the default. Raises GistevalError naming the file or flag.
    """
    values: dict[str, Any] = {}
    if path is not None:
        content = read_yaml(path, "configuration")
        if not isinstance(content, dict):
            raise GistevalError(f"configuration {path} must be a YAML mapping of field: value")
        values = checked_fields(content, f"configuration {path}: ")
    return replace(RunConfig(), **{**values, **checked_fields(flags, "")})


def checked_fields(given: Mapping[Any, Any], where: str) -> dict[str, Any]:
    """Field names and values in the types of RunConfig; where: the start of an error message.

    Raises GistevalError for an unknown field, one that is given twice, or a value of another type.
    """
    known = {field.name: str(field.type) for field in fields(RunConfig)}
    values: dict[str, Any] = {}
    for written, value in given.items():
        name = str(written).replace("-", "_")
        name = ALIASES.get(name, name)
        if name not in known:
            raise GistevalError(
                f"{where}unknown field {str(written)!r}{did_you_mean(name, known)}: "
                f"choose from {', '.join(known)}"
            )
        if name in FLAGS_ONLY and where:
            raise GistevalError(f"{where}field {name!r} is a flag alone: give --{name.replace('_', '-')}")
        if name in values:
            raise GistevalError(f"{where}field {name!r} is given twice, the second time as {written!r}")
        if value is not None:
            values[name] = _coerced(name, value, known[name], where)
    return values


def _coerced(name: str, value: Any, annotation: str, where: str) -> Any:
    """A value of YAML or of a Python caller in the type that the field is annotated with."""
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if annotation.startswith("tuple"):
        return _texts(name, value, where)
    if name == "batch_size" and type(value) is int:
        return str(value)
    if name == "gpus_per_worker" and type(value) is int:
        return float(value)
    kinds: dict[str, type] = {"int": int, "bool": bool, "float": float}
    expected = kinds.get(annotation.removesuffix(" | None"), str)
    if type(value) is not expected:
        words = {"int": "a whole number", "bool": "true or false", "float": "a number", "str": "text"}
        kind = words[expected.__name__]
        raise GistevalError(f"{where}field {name!r} must be {kind}, not {value!r}")
    return value


def _texts(name: str, value: Any, where: str) -> tuple[str, ...]:
    """A list of texts; one text is a list of one model or parameter, or of comma-separated names."""
    if isinstance(value, str):
        value = [value] if name in ("models", "judge_params") else value.split(",")
    if not isinstance(value, list | tuple):
        raise GistevalError(f"{where}field {name!r} must be a list of texts, not {value!r}")
    items = [os.fspath(item) if isinstance(item, os.PathLike) else item for item in value]
    wrong = [item for item in items if not isinstance(item, str) or not item.strip()]
    if wrong:
        raise GistevalError(f"{where}field {name!r} must be a list of texts, but holds {wrong[0]!r}")
    if name != "models":  # a folder's name may hold a comma
        items = [part for item in items for part in item.split(",") if part.strip()]
    return tuple(item.strip() for item in items)
