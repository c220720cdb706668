"""Names of the paper's released files (jayelm/gisting, `data/results`): what a name says of the content.

model_outputs/<Model>-<condition>-<k>/outputs-<steps>-validation_<split>.csv
chatgpt/<judge>-<A>-vs-<B>-validation_<split>-<steps>.json
benchmarking/*.csv
rouge.csv
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from gisteval.errors import GistevalError
from gisteval.records.schema import CONDITIONS, Condition, as_condition

_SYSTEM = re.compile(rf"(?P<family>.+)-(?P<condition>{'|'.join(CONDITIONS)})-(?P<k>\d+)")
_OUTPUTS = re.compile(r"outputs-(?P<steps>\d+)-validation_(?P<split>.+)\.csv")
_VERDICTS = re.compile(
    r"(?P<judge>[^-]+)-(?P<a>.+)-vs-(?P<b>.+)-validation_(?P<split>.+)-(?P<steps>\d+)\.json"
)


@dataclass(frozen=True, slots=True)
class ReleasedSystem:
    """A checkpoint of the release: `LLaMA-gist-1` is family LLaMA, condition gist, k = 1."""

    name: str
    family: str
    condition: Condition
    k: int

    @classmethod
    def parse(cls, name: str) -> Self:
        """Read a name. Raises GistevalError unless it is <Model>-<condition>-<k>."""
        match = _SYSTEM.fullmatch(name)
        condition = as_condition(match["condition"]) if match else None
        if match is None or condition is None:
            raise GistevalError(f"{name!r} is not the name of a system: expected <Model>-<condition>-<k>")
        return cls(name, match["family"], condition, int(match["k"]))


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file of outputs: one system on one split, after `steps` training steps."""

    path: Path
    system: ReleasedSystem
    split: str
    steps: int


@dataclass(frozen=True, slots=True)
class VerdictFileName:
    """What the name of a verdict file says."""

    judge: str
    system: str
    reference: str
    split: str
    steps: int


def output_file(path: Path) -> OutputFile:
    """An output file by its path. Raises GistevalError if its name or its folder's has another form."""
    match = _OUTPUTS.fullmatch(path.name)
    if match is None:
        raise GistevalError(f"{path}: expected a name like outputs-3000-validation_human.csv, rename it")
    try:
        system = ReleasedSystem.parse(path.parent.name)
    except GistevalError as error:
        raise GistevalError(f"{path}: its folder {error}: rename it") from error
    return OutputFile(path, system, match["split"], int(match["steps"]))


def verdict_file_name(path: Path) -> VerdictFileName:
    """What a verdict file's name says. Raises GistevalError for a name of another form."""
    match = _VERDICTS.fullmatch(path.name)
    if match is None:
        raise GistevalError(
            f"{path}: expected a name like chatgpt-<A>-vs-<B>-validation_human-3000.json, rename it"
        )
    return VerdictFileName(match["judge"], match["a"], match["b"], match["split"], int(match["steps"]))
