"""`gisteval human`: exports sheets for annotators from a run, and imports their answers into it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gisteval.content import find_content
from gisteval.errors import GistevalError, counted, did_you_mean
from gisteval.files.foreign import read_json
from gisteval.judging.human import HUMAN, SheetItem, draw_items, human_verdicts, read_answers, sheet_csv
from gisteval.judging.protocol import Matchup
from gisteval.judging.study import matchups
from gisteval.logs import run_log
from gisteval.pipeline.judge.results import write_judging
from gisteval.records.json_object import Count, JsonObject, Name, plain, reader_of
from gisteval.records.judge_figures import JudgingEntry
from gisteval.records.lines import to_json
from gisteval.records.manifest import JudgeFacts
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import digest
from gisteval.records.store import write_atomic, write_json

NOTE = (
    "Human judges saw each pair in one order, drawn from the content. Equal outputs were not shown, so "
    "their win rates cover only the pairs that differ."
)


@dataclass(frozen=True)
class Sheet(JsonObject):
    """What a sheet was drawn from.

    Attributes:
        system: The system that is compared with its positive control.
        split: The split.
        count: The number of pairs that was asked for.
        seed: The seed of the draw.
    """

    system: Name
    split: Name
    count: Count
    seed: int


def export_sheet(path: Path, output: Path, system: str, split: str, count: int, seed: int) -> int:
    """Write sheet.csv and sheet.html with pairs of a system.

    The run stores what was drawn, so that answers can be imported later.

    Args:
        path: The run's folder.
        output: The folder of the sheet.
        system: The system that is compared with its positive control.
        split: The split.
        count: The number of pairs. If there are fewer, all are drawn.
        seed: Another seed draws other pairs.

    Returns:
        The number of pairs in the sheet.

    Raises:
        GistevalError: The run has no such system or split, or no pair of different outputs.
    """
    with RunFolder.editing(path) as folder, run_log(path):
        return _export(folder, output, system, split, count, seed)


def _export(folder: RunFolder, output: Path, system: str, split: str, count: int, seed: int) -> int:
    sheet = Sheet(system, split, count, seed)
    items = draw_items(_matchup(folder, system, split), count, seed)
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
    sheets = list(dict.fromkeys([*_sheets(folder), sheet]))
    write_json(folder.path / "verdicts" / "sheets.json", plain(sheets))
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
    sheets = _sheets(folder)
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
    return [entry for entry in entries if any(judge.startswith(HUMAN) for judge in entry.judges)]


def _items_of(folder: RunFolder, sheets: Sequence[Sheet], answers: dict[str, str]) -> list[SheetItem]:
    """The items of the sheet that most of the answers belong to."""
    best: list[SheetItem] = []
    most = -1
    for sheet in sheets:
        items = draw_items(_matchup(folder, sheet.system, sheet.split), sheet.count, sheet.seed)
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


def _sheets(folder: RunFolder) -> list[Sheet]:
    file = folder.path / "verdicts" / "sheets.json"
    if not file.is_file():
        return []
    try:
        content = read_json(file)
        return list(reader_of(tuple[Sheet, ...])(content, "sheets"))
    except (OSError, ValueError) as error:
        raise GistevalError(f"{file} is damaged: export the sheets again") from error
