"""results.json, the numbers of a run, and failures.json, its examples without an output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Protocol

from gisteval.errors import GistevalError
from gisteval.files.foreign import read_json
from gisteval.records.json_object import Count, JsonObject, WrongField, check_numbers, reader_of
from gisteval.records.judge_figures import JudgingEntry, read_entry
from gisteval.records.lines import from_json, to_json, with_current_names
from gisteval.records.schema import Example, ResultRow
from gisteval.records.store import write_json

SCHEMA_VERSION = 1
RESULTS = "results.json"
FAILURES = "failures.json"


class Failure(Protocol):
    """An example without an output, and why."""

    @property
    def example(self) -> Example:
        """The example."""

    @property
    def reason(self) -> str:
        """Why it has no output."""


@dataclass(frozen=True, slots=True)
class Results:
    """What results.json holds. signature: how the numbers came about; judging: the judges' figures."""

    rows: tuple[ResultRow, ...]
    signature: str
    judging: tuple[JudgingEntry, ...] = ()

    def write(self, run: Path) -> None:
        """Replace the run's results."""
        content = {
            "schema_version": SCHEMA_VERSION,
            "signature": self.signature,
            "rows": [to_json(row) for row in self.rows],
            "judging": [entry.to_json() for entry in self.judging],
        }
        write_json(run / RESULTS, content)


def read_results(run: Path) -> Results:
    """The results of a run.

    Raises:
        GistevalError: The run has none yet, or they are damaged.
    """
    file = run / RESULTS
    try:
        return _results(read_json(file))
    except FileNotFoundError as error:
        raise GistevalError(f"{run} has no {RESULTS}: finish that run first") from error
    except (WrongField, TypeError) as error:
        raise GistevalError(f"{file} is damaged ({error}): run that run's command again") from error
    except (OSError, ValueError, RecursionError) as error:
        raise GistevalError(f"{file} is damaged: run that run's command again") from error


@dataclass(frozen=True, kw_only=True)
class _Content(JsonObject):
    """The file, with rows that are not looked at yet."""

    rows: tuple[Mapping[str, object], ...]
    signature: str
    judging: tuple[Annotated[JudgingEntry, read_entry], ...] = ()


def _results(content: object) -> Results:
    found, count = _Content.from_json(content), reader_of(Count)
    for number, row in enumerate(found.rows):
        check_numbers(row, f"rows[{number}].")
        for name in ("k", "n", "clusters", "failures"):
            count(row.get(name, 0), f"rows[{number}].{name}")
    rows = tuple(from_json(ResultRow, with_current_names(row)) for row in found.rows)
    return Results(rows, found.signature, found.judging)


def write_failures(run: Path, failures: Mapping[tuple[str, str], Sequence[Failure]]) -> None:
    """Name every example without an output, if there is one. failures: by system and split."""
    named = [
        {"system": system, "split": split, "example": item.example.id, "reason": item.reason}
        for (system, split), items in failures.items()
        for item in items
    ]
    if named:
        write_json(run / FAILURES, named)
    else:
        (run / FAILURES).unlink(missing_ok=True)


def read_failures(run: Path, system: str, split: str) -> set[str]:
    """Ids of the examples of which a finished run says that a system has no output.

    Raises:
        GistevalError: The file is damaged.
    """
    file = run / FAILURES
    try:
        named = read_json(file) if file.exists() else []
        return {item["example"] for item in named if (item["system"], item["split"]) == (system, split)}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise GistevalError(f"{file} is damaged: run that run's command again") from error
