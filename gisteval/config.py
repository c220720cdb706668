"""One frozen configuration of a run, from a YAML file and flags (flags win)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import yaml

from gisteval.errors import GistevalError
from gisteval.schema import as_condition


@dataclass(frozen=True, slots=True)
class RunConfig:
    """What `gisteval run` evaluates and how. Empty tuples and None stand for the defaults.

    models: checkpoint or suite folders (default: the bundled demo suite); splits: of the task
    (default: its own choice); limit: examples a split; output: folder of the run.
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
    seed: int = 0
    output: str | None = None
    data_dir: str | None = None
    allow_pickle: bool = False

    def __post_init__(self) -> None:
        for name in ("limit", "k", "budget", "max_new_tokens"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise GistevalError(f"{name.replace('_', '-')} must be at least 1, not {value}")
        as_condition(self.condition)
        self.rows_per_batch()

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


def read_config(path: Path | None, flags: dict[str, Any]) -> RunConfig:
    """A RunConfig from an optional YAML file, with the flags that were given laid over it."""
    known = {field.name: field for field in fields(RunConfig)}
    values: dict[str, Any] = {}
    if path is not None:
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError) as error:
            raise GistevalError(f"configuration {path} can't be read: {error}") from error
        if not isinstance(content, dict):
            raise GistevalError(f"configuration {path} must be a YAML mapping")
        values = {str(name).replace("-", "_"): value for name, value in content.items()}
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise GistevalError(
                f"configuration {path}: unknown field {unknown[0]!r}: choose from {', '.join(known)}"
            )
    values.update(flags)
    for name, value in values.items():
        values[name] = _coerced(name, value, known[name].default)
    return replace(RunConfig(), **values)


def _coerced(name: str, value: Any, default: Any) -> Any:
    """YAML scalars and lists in the type of the field."""
    if isinstance(default, tuple):
        listed = value if isinstance(value, list | tuple) else str(value).split(",")
        return tuple(str(item) for item in listed)
    if name == "batch_size":
        return str(value)
    if isinstance(default, bool | int) and type(value) is not type(default):
        raise GistevalError(f"field {name!r} must be a {type(default).__name__}, not {value!r}")
    return value
