"""`gisteval human`: exports sheets for annotators from a run, and imports their answers into it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gisteval.content import find_content
from gisteval.errors import GistevalError, counted, did_you_mean
from gisteval.judging.human import HUMAN, SheetItem, human_verdicts, read_answers, sheet_csv
from gisteval.judging.protocol import Matchup
from gisteval.judging.study import matchups
from gisteval.logs import run_log
from gisteval.pipeline.judge.results import write_judging
from gisteval.pipeline.judge.sheets import Sheet, add_sheet, read_sheets
from gisteval.records.judge_figures import CorrectedFigures, JudgingEntry
from gisteval.records.lines import to_json
from gisteval.records.manifest import JudgeFacts
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import digest
from gisteval.records.store import write_atomic

NOTE = (
    "Human judges saw each pair in one order, drawn from the content. Equal outputs were not shown, so "
    "their win rates cover only the pairs that differ."
)


def export_sheet(path: Path, output: Path, sheet: Sheet) -> int:
    """Write sheet.csv and sheet.html with pairs of a system.

    The run stores what was drawn, so that answers can be imported later.

    Args:
        path: The run's folder.
        output: The folder of the sheet.
        sheet: What is drawn. If there are fewer pairs, all are drawn.

    Returns:
        The number of pairs in the sheet.

    Raises:
        GistevalError: The run has no such system or split, no pair of different outputs, or no verdicts
            of the judge that is to choose.
    """
    with RunFolder.editing(path) as folder, run_log(path):
        return _export(folder, output, sheet)


def _export(folder: RunFolder, output: Path, sheet: Sheet) -> int:
    system, split = sheet.system, sheet.split
    matchup = _matchup(folder, system, split)
    if sheet.chosen_by and sheet.chosen_by not in folder.judges_of(system):
        hint = did_you_mean(sheet.chosen_by, folder.judges_of(system))
        raise GistevalError(
            f"{system} was not judged by {sheet.chosen_by!r}{hint}, which is to choose the pairs: "
            f"gisteval judge {folder.path} first"
        )
    items = sheet.items(folder, matchup)
    if not items:
        raise GistevalError(
            f"{folder.path}: the outputs of {system} and its control are all equal on {split}: choose "
            "another system or split"
        )
    environment = Environment(
        loader=FileSystemLoader(find_content("reports")),
        undefined=StrictUndefined,
        autoescape=True,  # model outputs go in here
    )
    name = digest([json.dumps(sheet.to_json(), sort_keys=True), *(item.id for item in items)])[:12]
    page = environment.get_template("sheet.html.j2").render(
        title=f"Which answer is better? ({counted(len(items), 'pair')})", items=items, sheet=name
    )
    write_atomic(output / "sheet.csv", sheet_csv(items))
    write_atomic(output / "sheet.html", page)
    add_sheet(folder, sheet)
    return len(items)


def import_answers(path: Path, files: Sequence[Path]) -> list[JudgingEntry]:
    """Import annotators' answers. New answers replace those that were imported before.

    Args:
        path: The run's folder.
        files: One file for each annotator, named after the annotator.

    Returns:
        The human judges' entries of results.json.

    Raises:
        GistevalError: A file is wrong, or belongs to no sheet of this run. Nothing is changed then.
    """
    with RunFolder.editing(path) as folder, run_log(path):
        return _import(folder, files)


def _import(folder: RunFolder, files: Sequence[Path]) -> list[JudgingEntry]:
    folder.results()
    sheets = read_sheets(folder)
    if not sheets:
        raise GistevalError(f"{folder.path} has exported no sheet: run gisteval human export first")
    names = [file.stem for file in files]
    if len(set(names)) < len(names):
        raise GistevalError("two files have the same name: name each after its annotator")
    imported = []
    for file in files:
        answers = read_answers(file)
        items = _items_of(folder, sheets, answers)
        imported.append((file.stem, human_verdicts(items, answers, file.stem, file)))
    for name, verdicts in imported:
        judge, system = HUMAN + name, verdicts[0].system
        by_key = {v.key: v for v in (*folder.file_verdicts(judge, system), *verdicts)}
        lines = (json.dumps(to_json(v), ensure_ascii=False, sort_keys=True) + "\n" for v in by_key.values())
        write_atomic(folder.verdicts(judge, system), "".join(lines))
        identity = digest(["human"])
        facts = JudgeFacts(
            name=judge, version=1, kind="human", orders="seeded", identity=identity, note=NOTE
        )
        folder.note_judge(judge, facts)
    entries = write_judging(folder)
    return [
        entry
        for entry in entries
        if isinstance(entry, CorrectedFigures) or any(judge.startswith(HUMAN) for judge in entry.judges)
    ]


def _items_of(folder: RunFolder, sheets: Sequence[Sheet], answers: dict[str, str]) -> list[SheetItem]:
    """The items of the sheet that most of the answers belong to."""
    best: list[SheetItem] = []
    most = -1
    for sheet in sheets:
        items = sheet.items(folder, _matchup(folder, sheet.system, sheet.split))
        known = sum(item.id in answers for item in items)
        if known > most:
            best, most = items, known
    return best


def _matchup(folder: RunFolder, system: str, split: str) -> Matchup:
    references = folder.references
    candidates = [name for name, reference in references.items() if name != reference]
    if system not in candidates:
        hint = did_you_mean(system, candidates)
        raise GistevalError(f"system {system!r} is unknown{hint}: choose from {', '.join(candidates)}")
    if split not in folder.splits:
        hint = did_you_mean(split, folder.splits)
        raise GistevalError(f"split {split!r} is unknown{hint}: choose from {', '.join(folder.splits)}")
    return next(m for m in matchups(folder) if (m.system, m.split) == (system, split))
