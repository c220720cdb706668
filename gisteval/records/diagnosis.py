"""What `gisteval diagnose` writes: observations of single examples, rows with intervals and findings.

    <folder>/diagnostics/<measure>/<system>.jsonl   an observation a line, appended as it is made
    <folder>/diagnostics/diagnosis.json             rows, findings and notes

They have a file of their own, so that results.json stays what a run made it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gisteval.errors import GistevalError
from gisteval.files.foreign import read_json
from gisteval.records.json_object import OPTIONAL, Count, JsonObject, Name, WrongField
from gisteval.records.paths import record_file
from gisteval.records.store import read_records, write_json

VERSION = 1
FOLDER = "diagnostics"
DIAGNOSIS = "diagnosis.json"

State = Literal["ok", "note", "open", "warning", "fault"]
"""Of a finding: all is well, worth knowing, the data don't say, may be wrong, is broken."""


@dataclass(frozen=True, kw_only=True)
class Observation(JsonObject):
    """What a measure found at one example, or at one instruction.

    Attributes:
        key: Identity of the computation. It covers the weights of all models that took part.
        measure: The measure's name.
        system: The system that was looked at.
        reference: What it is compared with; None where it is compared with nothing.
        split: Part of the task.
        setting: What was varied: "reference", "leak 4".
        example: The example's id, or the first example's of an instruction.
        content: The example's content id.
        cluster: The instruction.
        values: By metric.
        series: Values of each token of the answer, or of each layer, by metric.
        marks: What else is known of each token of the answer, null where it does not apply.
        texts: What a reader of the observation must know, such as the nearest instruction.
    """

    key: Name
    measure: Name
    system: Name
    reference: Name | None = None
    split: str
    setting: str
    example: str
    content: str
    cluster: str
    values: Mapping[str, float]
    series: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    marks: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DiagnosticRow(JsonObject):
    """One number with its 95% interval.

    Attributes:
        where: The part of the answers, or the layer, that it is of; empty for all.
        value: In `unit`.
        ci_low: None where the data give no bound.
        control: The same of the negative control, on the same examples.
        share: This number as a share of the control's, in percent.
    """

    measure: Name
    split: str
    system: Name
    setting: str
    where: str = ""
    metric: Name
    unit: str
    value: float
    ci_low: float | None = None
    ci_high: float | None = None
    n: Count
    clusters: Count
    reference: str | None = None
    control: float | None = field(default=None, metadata=OPTIONAL)
    share: float | None = field(default=None, metadata=OPTIONAL)
    share_ci_low: float | None = field(default=None, metadata=OPTIONAL)
    share_ci_high: float | None = field(default=None, metadata=OPTIONAL)


@dataclass(frozen=True, kw_only=True)
class Diagnosed(JsonObject):
    """One sentence on one system, and how serious it is. brief: the same in two or three words."""

    measure: Name
    system: Name
    split: str = ""
    state: State
    text: str
    brief: str = ""


@dataclass(frozen=True, kw_only=True)
class Diagnosis(JsonObject):
    """The content of diagnosis.json.

    Attributes:
        signature: How the numbers came about.
        measures: The measures that were taken, in their order.
        identity: Digest of the examples, and of all that can change what a system makes of them.
        weights: Digests of all weights that took part, by system.
        notes: What a reader must know.
    """

    schema_version: Count = VERSION
    signature: str
    identity: str = ""
    command: tuple[str, ...] = ()
    measures: tuple[str, ...]
    weights: Mapping[str, str] = field(default_factory=dict)
    rows: tuple[DiagnosticRow, ...]
    findings: tuple[Diagnosed, ...] = ()
    notes: tuple[str, ...] = ()

    def write(self, folder: Path) -> Path:
        """Replace the diagnosis of a folder, and return its path."""
        file = folder / FOLDER / DIAGNOSIS
        write_json(file, self.to_json())
        return file

    def of(self, measure: str) -> tuple[DiagnosticRow, ...]:
        """The rows of one measure."""
        return tuple(row for row in self.rows if row.measure == measure)


def read_diagnosis(folder: Path) -> Diagnosis | None:
    """The diagnosis of a folder, None if there is none.

    Raises:
        GistevalError: It is damaged.
    """
    file = folder / FOLDER / DIAGNOSIS
    if not file.is_file():
        return None
    try:
        return Diagnosis.from_json(read_json(file))
    except (OSError, ValueError, RecursionError) as error:
        raise GistevalError(f"{file} is damaged ({error}): run gisteval diagnose again") from error


def observations_file(folder: Path, measure: str, system: str) -> Path:
    """Where the observations of a measure on a system lie."""
    return record_file(folder / FOLDER, measure, (system,), ())


def read_observations(file: Path) -> Iterator[Observation]:
    """The observations in a file.

    Raises:
        GistevalError: A line is damaged.
    """
    for number, line in enumerate(read_records(file), 1):
        try:
            yield Observation.from_json(line)
        except WrongField as error:
            raise GistevalError(
                f"{file}, line {number}: {error}: delete this file, and diagnose"
            ) from error
