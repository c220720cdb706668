"""`gisteval import`: predictions of other tools as a run, scored like any other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from gisteval.errors import counted
from gisteval.importer.predictions import Columns, PredictionFile, read_predictions
from gisteval.importer.records import ImportedOutputs
from gisteval.logs import progress, run_log
from gisteval.pipeline.imports.records import (
    claim_folder,
    contents_of,
    failures_of,
    marks,
    write_generations,
)
from gisteval.pipeline.score import score, unread_notes
from gisteval.records.run_folder import RunFolder
from gisteval.report.build import build_report


@dataclass(frozen=True, slots=True)
class PredictionOptions:
    """What is imported: candidates and the controls they are compared with, a file for each system."""

    candidates: tuple[Path, ...]
    pos_control: Path | None
    neg_control: Path | None
    columns: Columns
    task: str
    split: str
    k: int | None
    compressor: str


def import_predictions(options: PredictionOptions, output: Path, command: Sequence[str] = ()) -> RunFolder:
    """Read the files, and write the run folder with its results and report.

    Args:
        options: What to read.
        output: The run folder.
        command: The command line.

    Raises:
        GistevalError: A file can't be used, or the folder holds something else.
    """
    files = [PredictionFile(options.pos_control, "pos_control")] if options.pos_control else []
    files += [PredictionFile(path, None, options.k, options.compressor) for path in options.candidates]
    files += [PredictionFile(options.neg_control, "neg_control")] if options.neg_control else []
    outputs = read_predictions(files, options.columns, options.task, options.split)
    with RunFolder(output).held():
        return _write(options, files, outputs, output, command)


def _write(
    options: PredictionOptions,
    files: Sequence[PredictionFile],
    outputs: Sequence[ImportedOutputs],
    output: Path,
    command: Sequence[str],
) -> RunFolder:
    examples = {options.split: outputs[0].examples}
    folder = claim_folder(
        output,
        options.task,
        examples,
        [part.system for part in outputs],
        contents_of(outputs, ()),
        command,
        source=[str(file.path) for file in files],
        **marks(examples, outputs),
    )
    is_complete = (output / "results.json").is_file()  # the same files change nothing
    with nullcontext() if is_complete else run_log(output):
        progress.info("writing %s", counted(len(outputs), "system"))
        write_generations(folder, outputs)
        progress.info("scoring")
        folder.note_failures(failures_of(outputs))
        folder.note_notes([*_notes(outputs), *unread_notes(examples)])
        score(folder, ())
        folder.finish_import()
        progress.info("writing the report")
        build_report([folder], folder.path / "report")
    return folder


def _notes(outputs: Sequence[ImportedOutputs]) -> Iterator[str]:
    yield "Imported: outputs were made elsewhere. Their tokens, bytes and losses are not known."
    for part in outputs:
        if part.missing:
            share = f"{len(part.missing)} of {counted(len(part.examples), 'example')}"
            yield f"{part.system.name}: {share} have no output in {part.provenance}."
