"""The configuration of a run from a YAML file and flags (flags win)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gisteval.config import RunConfig
from gisteval.errors import GistevalError
from gisteval.options import checked_fields


def read_config(path: Path | None, flags: Mapping[str, Any]) -> RunConfig:
    """A RunConfig from an optional YAML file, with the flags that were given laid over it.

    None, in the file as in a flag, stands for the default. Raises GistevalError naming the file or flag.
    """
    values = {}
    if path is not None:
        from gisteval.content import read_yaml  # only a file needs the parser

        content = read_yaml(path, "configuration")
        if not isinstance(content, dict):
            raise GistevalError(f"configuration {path} must be a YAML mapping of field: value")
        values = checked_fields(RunConfig, content, f"configuration {path}: ")
    return replace(RunConfig(), **{**values, **checked_fields(RunConfig, flags, "")})
