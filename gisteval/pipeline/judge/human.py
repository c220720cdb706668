"""`gisteval human`: sheets for annotators out of a run, their answers back into it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gisteval.content import find_content
from gisteval.errors import GistevalError, counted, did_you_mean
from gisteval.judging.human import HUMAN, Item, draw_items, human_verdicts, read_answers, sheet_csv
from gisteval.judging.protocol import Contest
from gisteval.judging.study import contests
from gisteval.logs import run_log
from gisteval.pipeline.judge.judged import write_judging
from gisteval.records.json_object import Count, JsonObject, Name, plain, reader_of
from gisteval.records.judge_figures import JudgingEntry
from gisteval.records.manifest import JudgeFacts
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import digest, to_json
from gisteval.records.store import write_atomic, write_json

NOTE = (
    "Human judges saw each pair in one order, drawn from the content. Outputs that are equal were not "
    "shown, so their win rates are of the pairs that differ."
)


@dataclass(frozen=True)
class Sheet(JsonObject):
    """A sheet as it was drawn: count pairs of a system on a split."""

    system: Name
    split: Name
    count: Count
    seed: int


def export_sheet(path: Path, output: Path, system: str, split: str, count: int, seed: int) -> int:
    """Write sheet.csv and sheet.html of a system's pairs into a folder; the number of items.

    The run notes what was drawn, so that answers find their way back. Raises GistevalError for an unknown
    system or split.
    """
    with RunFolder.editing(path) as folder, run_log(path):
        return _export(folder, output, system, split, count, seed)


def _export(folder: RunFolder, output: Path, system: str, split: str, count: int, seed: int) -> int:
    sheet = Sheet(system, split, count, seed)
    items = draw_items(_contest(folder, system, split), count, seed)
    if not items:
        raise GistevalError(
            f"{folder.path}: {system} and its control differ nowhere on {split}: nothing to judge"
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
    sheets = [*_sheets(folder), sheet]
    distinct = [s for place, s in enumerate(sheets) if s not in sheets[:place]]
    write_json(folder.path / "verdicts" / "sheets.json", plain(distinct))
    return len(items)


def import_answers(path: Path, files: Sequence[Path]) -> list[JudgingEntry]:
    """Take annotators' answers, one file each, named after the annotator; the entries of results.json.

    Answers that were imported before are replaced. Raises GistevalError if a file's items are of no
    sheet of this run; then nothing is changed.
    """
    with RunFolder.editing(path) as folder, run_log(path):
        return _take(folder, files)


def _take(folder: RunFolder, files: Sequence[Path]) -> list[JudgingEntry]:
    folder.results()
    sheets = _sheets(folder)
    if not sheets:
        raise GistevalError(f"{folder.path} has exported no sheet: gisteval human export first")
    names = [file.stem for file in files]
    if len(set(names)) < len(names):
        raise GistevalError("two files have the same name: name each after its annotator")
    taken = []
    for file in files:
        answers = read_answers(file)
        items = _items_of(folder, sheets, answers)
        taken.append((file.stem, human_verdicts(items, answers, file.stem, file)))
    for name, verdicts in taken:
        system = verdicts[0].system
        kept = {v.key: v for v in folder.file_verdicts(HUMAN + name, system)}
        kept |= {v.key: v for v in verdicts}
        lines = (json.dumps(to_json(v), ensure_ascii=False, sort_keys=True) + "\n" for v in kept.values())
        write_atomic(folder.verdicts(HUMAN + name, system), "".join(lines))
        folder.note_judge(
            HUMAN + name,
            JudgeFacts(
                name=HUMAN + name,
                version=1,
                kind="human",
                orders="seeded",
                identity=digest(["human"]),
                note=NOTE,
            ),
        )
    entries = write_judging(folder)
    return [entry for entry in entries if any(judge.startswith(HUMAN) for judge in entry.judges)]


def _items_of(folder: RunFolder, sheets: Sequence[Sheet], answers: dict[str, str]) -> list[Item]:
    """The items of the sheet that most of the answers are about."""
    best: list[Item] = []
    most = -1
    for sheet in sheets:
        items = draw_items(_contest(folder, sheet.system, sheet.split), sheet.count, sheet.seed)
        known = sum(item.id in answers for item in items)
        if known > most:
            best, most = items, known
    return best


def _contest(folder: RunFolder, system: str, split: str) -> Contest:
    references = folder.references
    candidates = [name for name, reference in references.items() if name != reference]
    if system not in candidates:
        hint = did_you_mean(system, candidates)
        raise GistevalError(f"system {system!r} is unknown{hint}: choose from {', '.join(candidates)}")
    if split not in folder.splits:
        hint = did_you_mean(split, folder.splits)
        raise GistevalError(f"split {split!r} is unknown{hint}: choose from {', '.join(folder.splits)}")
    return next(c for c in contests(folder) if (c.system, c.split) == (system, split))


def _sheets(folder: RunFolder) -> list[Sheet]:
    file = folder.path / "verdicts" / "sheets.json"
    if not file.is_file():
        return []
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return list(reader_of(tuple[Sheet, ...])(content, "sheets"))
    except (OSError, ValueError) as error:
        raise GistevalError(f"{file} is damaged: export the sheets again") from error
