"""`gisteval import-paper`: the paper's release as a run, every score recomputed from its rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from gisteval.errors import GistevalError, InvalidRun, counted
from gisteval.importer.layout import ReleasedSystem
from gisteval.importer.release import Release, label_of, read_release, split_order
from gisteval.importer.verdicts import IMPORTED, VerdictFile
from gisteval.judging.retention import with_retention
from gisteval.judging.win_rate import Labels, win_rate_row
from gisteval.logs import progress, run_log
from gisteval.pipeline.imports.records import (
    all_examples,
    claim_folder,
    contents_of,
    failures_of,
    marks,
    signature_of,
    write_generations,
    write_verdicts,
)
from gisteval.pipeline.judge.results import update_judging
from gisteval.pipeline.profile.released import released_profile
from gisteval.pipeline.score import score, unread_notes
from gisteval.profiling.released import read_released, shape_of
from gisteval.records.manifest import JudgeFacts, SavedFigure
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Example, ResultRow, Verdict, digest
from gisteval.records.store import write_json
from gisteval.report.profile import write_profile_report
from gisteval.tasks import load_task

TASK = "alpaca_plus"
ROUGE_TOLERANCE = 0.2
"""Points: rouge.csv holds medians of 1000 unseeded bootstrap means, up to 0.172 off the mean."""
RATE_TOLERANCE = 0.005
"""Points: what rounding leaves of a saved win rate."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A finished import: its run, and how many files of each kind were read."""

    folder: RunFolder
    outputs: int
    verdicts: int
    benchmarks: int
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """What was imported, for the command line."""
        return {
            "run": str(self.folder.path),
            "output_files": self.outputs,
            "verdict_files": self.verdicts,
            "benchmark_files": self.benchmarks,
            "notes": list(self.notes),
        }


def import_paper(
    source: Path, output: Path, data_dir: Path | None = None, command: Sequence[str] = ()
) -> Imported:
    """Read a release and write its run folder. Files that can't be read are named in the notes.

    Args:
        source: The folder of the release.
        output: The run folder.
        data_dir: Where the task's own data lies. With it the examples get its texts and ids, and can be
            compared with those of other runs on the task.
        command: The command line.

    Raises:
        GistevalError: There is nothing to import, or the run folder holds something else.
    """
    progress.info("reading the release")
    release = read_release(source, TASK, _known_examples(data_dir))
    parts = sorted(release.examples.items(), key=lambda item: split_order(item[0][1]))
    examples = all_examples([split_examples for _, split_examples in parts])
    verdicts = list(chain.from_iterable(release.verdicts.values()))
    _check_benchmarks(release)
    studied = _judges_with_outputs(release)
    contents = contents_of(release.outputs, verdicts)
    contents |= {file.name: _benchmark_identity(file) for file in release.benchmarks}
    with RunFolder(output).held(), ExitStack() as log:
        folder = claim_folder(
            output,
            TASK,
            examples,
            release.systems,
            contents,
            command,
            saved_figures=(),
            source=str(source),
            signature=signature_of(f"{TASK}-released"),
            **marks(examples, release.outputs),
        )
        if not (output / "results.json").is_file():  # the same files again change nothing
            log.enter_context(run_log(output))
        progress.info("writing the records")
        write_generations(folder, release.outputs)
        write_verdicts(folder, verdicts)
        if release.benchmarks:
            content = released_profile(release.benchmarks)
            write_json(folder.path / "report" / "profile.json", content.to_json())
            write_profile_report(content, folder.path / "report")
        progress.info("scoring")
        folder.note_failures(failures_of(release.outputs))
        rows = score(folder, list(_win_rates(release, studied)))
        saved = list(_saved_figures(release, rows))
        notes = [*_notes(release, saved), *unread_notes(examples), *release.problems]
        folder.note_saved_figures(saved)
        folder.note_notes(notes)
        for judge in studied:
            folder.note_judge(judge, _judge_facts(judge))
        update_judging(folder)
        folder.finish_import()
    return Imported(
        folder, len(release.outputs), len(release.verdict_files), len(release.benchmarks), tuple(notes)
    )


def _known_examples(data_dir: Path | None) -> dict[str, list[Example]] | None:
    if data_dir is None:
        return None
    task = load_task(TASK, data_dir=data_dir)
    return {split: list(task.examples(split)) for split in task.evaluation_splits}


def _check_benchmarks(release: Release) -> None:
    """Leave out the timings that can't be read. Raises GistevalError if nothing is left at all."""
    for file in list(release.benchmarks):
        try:
            shape_of(file)
            read_released(file)
        except GistevalError as error:
            release.benchmarks.remove(file)
            release.problems.append(f"{error}; it is left out.")
    if not release.outputs and not release.verdict_files and not release.benchmarks:
        raise GistevalError(release.problems[-1])


def _benchmark_identity(file: Path) -> str:
    return digest([file.read_text(encoding="utf-8")])


def _judges_with_outputs(release: Release) -> list[str]:
    """Judges all of whose verdicts are on outputs that are here, so that the judges can be studied."""
    known = {(part.system.name, part.split) for part in release.outputs}
    judges = {file.judge: True for file in release.verdict_files}
    for file in release.verdict_files:
        judges[file.judge] &= known.issuperset({(file.system, file.split), (file.reference, file.split)})
    return [judge for judge, complete in judges.items() if complete]


def _judge_facts(judge: str) -> JudgeFacts:
    """What the manifest says of a judge that was asked elsewhere."""
    return JudgeFacts(
        name=judge,
        kind="imported",
        model=judge.removeprefix(IMPORTED),
        orders="one",
        prompt="unknown",
        identity=digest([judge]),
        note=f"{judge} saw each pair in one order only, the same for all systems of a split.",
    )


def _win_rates(release: Release, studied: Sequence[str]) -> Iterator[ResultRow]:
    """A row for each verdict file of the other judges, with retention where they saw negative controls."""
    for file in release.verdict_files:
        verdicts = release.verdicts.get(file.path, ())
        if not verdicts or file.judge in studied:
            continue
        system = ReleasedSystem.parse(file.system)
        label = label_of(system)
        examples = release.examples[system.family, file.split]
        clusters = {example.content_id: example.instruction for example in examples}
        labels = Labels(label.condition, label.control, label.method, label.k)
        try:
            row = win_rate_row(verdicts, labels, clusters)
        except InvalidRun as error:
            release.problems.append(f"{file.path.name}: {error}")
            continue
        negative = _negative_verdicts(release, file, system)
        if negative and label.role == "candidate":
            row = with_retention(row, verdicts, negative, clusters)
        yield row


def _negative_verdicts(release: Release, file: VerdictFile, system: ReleasedSystem) -> Sequence[Verdict]:
    for other in release.verdict_files:
        same = (other.judge, other.split, other.reference) == (file.judge, file.split, file.reference)
        named = ReleasedSystem.parse(other.system)
        if same and named.condition == "neg_control" and named.family == system.family:
            return release.verdicts.get(other.path, ())
    return ()


def _saved_figures(release: Release, rows: Sequence[ResultRow]) -> Iterator[SavedFigure]:
    """Every figure that the release saved and whose rows are here."""
    ours = {(row.metric, row.system, row.split): row.value for row in rows}

    def compared(metric: str, system: str, split: str, saved: float, value: float) -> SavedFigure:
        tolerance = ROUGE_TOLERANCE if metric == "rougeL" else RATE_TOLERANCE
        agrees = abs(value - saved) <= tolerance
        return SavedFigure(
            metric=metric, system=system, split=split, saved=saved, recomputed=value, agrees=agrees
        )

    for saved in release.saved_rouge:
        value = ours.get(("rougeL", saved.system, saved.split))
        if value is not None:
            yield compared("rougeL", saved.system, saved.split, saved.value, value)
    for file in release.verdict_files:
        if file.win_rate is not None and file.saved_win_rate is not None:
            yield compared("win_rate", file.system, file.split, file.saved_win_rate, file.win_rate)


def _notes(release: Release, saved: Sequence[SavedFigure]) -> Iterator[str]:
    """What a reader of the imported numbers must know."""
    yield (
        "Imported: outputs, verdicts and timings were made elsewhere. Tokens, bytes and losses of outputs "
        "are not known."
    )
    wrong = [figure for figure in saved if figure.metric == "win_rate" and not figure.agrees]
    if wrong:
        most = max(abs(figure.saved - figure.recomputed) for figure in wrong)
        total = sum(figure.metric == "win_rate" for figure in saved)
        yield (
            f"{len(wrong)} of {total} saved win rates differ from their own rows, by up to {most:.2f} "
            "points: all are recomputed from the rows."
        )
    rouge = [figure for figure in saved if figure.metric == "rougeL"]
    if rouge:
        most = max(abs(figure.saved - figure.recomputed) for figure in rouge)
        beyond = sum(not figure.agrees for figure in rouge)
        yield (
            f"rouge.csv holds medians of bootstrap means: it differs by up to {most:.3f} points from the "
            f"mean F1 of the rows, by more than {ROUGE_TOLERANCE} in {beyond} of {len(rouge)}."
        )
    mended = sum(row.mended for file in release.verdict_files for row in file.rows)
    invalid = sum(row.choice == "invalid" for file in release.verdict_files for row in file.rows)
    if mended or invalid:
        count = sum(len(file.rows) for file in release.verdict_files)
        yield f"Of {count} verdicts {mended} were repaired by their authors, and {invalid} can't be read."
    for part in release.outputs:
        if part.missing:
            missing = f"{len(part.missing)} of {counted(len(part.examples), 'example')}"
            yield f"{part.system.name} on {part.split}: {missing} have no output."
    yield from _other_outputs(release)


def _other_outputs(release: Release) -> Iterator[str]:
    """Verdicts on texts that are not those of the output files."""
    texts = {(part.system.name, part.split): part.outputs for part in release.outputs}
    for file in release.verdict_files:
        verdicts = release.verdicts.get(file.path, ())
        if len(verdicts) != len(file.rows):
            continue
        ours, theirs = (texts.get((name, file.split), {}) for name in (file.system, file.reference))
        other = sum(
            ours.get(verdict.pair, row.output) != row.output
            or theirs.get(verdict.pair, row.reference_output) != row.reference_output
            for verdict, row in zip(verdicts, file.rows, strict=True)
        )
        if other:
            yield f"{file.path.name}: {other} verdicts are on outputs that differ from the output files."
