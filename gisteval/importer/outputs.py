"""The paper's released outputs, a row an example."""

from __future__ import annotations

from dataclasses import dataclass

from gisteval.importer.joining import RowText
from gisteval.importer.layout import OutputFile
from gisteval.importer.prompt_text import prompt_of_output_row
from gisteval.importer.rows import read_rows, texts


@dataclass(frozen=True, slots=True)
class ReleasedOutput:
    """A row of an output file: the example as it is shown there, its reference, and the output."""

    text: RowText
    output: str


def read_output_file(file: OutputFile) -> list[ReleasedOutput]:
    """The rows in file order. Raises GistevalError naming the file and what is wrong with it."""
    # Not pandas: it reads an output "None" or an empty one as a missing value.
    rows = read_rows(file.path)
    columns = (texts(rows, name, file.path) for name in ("x", "y_pred", "y_true"))
    return [
        ReleasedOutput(RowText(prompt_of_output_row(prompt, reference), reference), output)
        for prompt, output, reference in zip(*columns, strict=True)
    ]
