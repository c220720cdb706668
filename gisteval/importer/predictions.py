"""Predictions of other tools: one file a system, with the columns that the caller names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gisteval.errors import GistevalError
from gisteval.importer.layout import ReleasedSystem
from gisteval.importer.records import ImportedOutputs, SystemLabel
from gisteval.importer.rows import PredictionRow, read_rows, texts
from gisteval.records.schema import Condition, Example, numbered_copies

NO_FAMILY = ""
"""All systems of one import belong together."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of columns. Without a name for inputs, the column "input" is read if there is one."""

    instruction: str = "instruction"
    input: str | None = None
    prediction: str = "y_pred"
    reference: str = "y_true"


@dataclass(frozen=True, slots=True)
class PredictionFile:
    """A file of one system's outputs, and the system's condition if that is known."""

    path: Path
    condition: Condition | None
    k: int | None = None
    compressor: str = ""

    @property
    def label(self) -> SystemLabel:
        """The system, named after its file; `my-gist-5.csv` says the condition and k by itself."""
        name = self.path.stem
        try:
            named = ReleasedSystem.parse(name)
        except GistevalError:
            return SystemLabel(name, NO_FAMILY, self.condition, self.k or 0, self.compressor)
        condition = self.condition or named.condition
        return SystemLabel(name, NO_FAMILY, condition, self.k or named.k, self.compressor)


def read_predictions(
    files: Sequence[PredictionFile], columns: Columns, task: str, split: str
) -> list[ImportedOutputs]:
    """The outputs of all files on the examples of any of them. An example that a file lacks is a failure.

    Examples are the same if instruction, input and reference are. A row that a file repeats is a copy.

    Args:
        files: One for each system.
        columns: Names of columns.
        task: The task's name.
        split: The split's name.

    Raises:
        GistevalError: A file can't be read, repeats a row with another output, or has the name of another.
    """
    examples: dict[str, Example] = {}
    outputs: list[tuple[PredictionFile, Mapping[str, str]]] = []
    names: dict[str, Path] = {}
    for file in files:
        if file.path.stem in names:
            raise GistevalError(f"{names[file.path.stem]} and {file.path} have one name: rename one")
        names[file.path.stem] = file.path
        rows = read_rows(file.path)
        read = _examples(rows, file.path, columns, task, split)
        copies = numbered_copies(example for example, _ in read)
        output_by_id: dict[str, str] = {}
        for (first, output), example in zip(read, copies, strict=True):
            if output_by_id.get(first.content_id, output) != output:
                raise GistevalError(
                    f"{file.path}: two rows give {first.instruction[:40]!r} with the same input and "
                    "reference different outputs: remove one"
                )
            number = f"{task}-{split}-{len(examples) + 1:04}"
            examples.setdefault(example.content_id, replace(example, id=number))
            output_by_id[example.content_id] = output
        outputs.append((file, output_by_id))
    asked = tuple(examples.values())
    return [
        ImportedOutputs(file.label, split, asked, output_by_id, file.path.name)
        for file, output_by_id in outputs
    ]


def _examples(
    rows: list[PredictionRow], path: Path, columns: Columns, task: str, split: str
) -> list[tuple[Example, str]]:
    inputs = [""] * len(rows)
    if columns.input is not None or any("input" in row for row in rows):
        inputs = texts(rows, columns.input or "input", path)
    parts = zip(
        texts(rows, columns.instruction, path),
        inputs,
        texts(rows, columns.reference, path),
        texts(rows, columns.prediction, path),
        strict=True,
    )
    return [
        (Example("", task, split, instruction, text, reference), output)
        for instruction, text, reference, output in parts
    ]
