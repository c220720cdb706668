"""The sheets for annotators that a run has exported: `<run>/verdicts/sheets.json`."""

from __future__ import annotations

from dataclasses import dataclass

from gisteval.errors import GistevalError
from gisteval.files.foreign import read_json
from gisteval.judging.corrected import stratum
from gisteval.judging.human import SheetItem, draw_items
from gisteval.judging.pairs import pair_scores
from gisteval.judging.protocol import Matchup
from gisteval.judging.study import verdicts_on
from gisteval.judging.summary import main_verdicts
from gisteval.records.json_object import Count, JsonObject, Name, plain, reader_of
from gisteval.records.run_folder import RunFolder
from gisteval.records.store import write_json


@dataclass(frozen=True)
class Sheet(JsonObject):
    """What a sheet was drawn from.

    Attributes:
        system: The system that is compared with its positive control.
        split: The split.
        count: The number of pairs that was asked for.
        seed: The seed of the draw.
        chosen_by: The judge whose answers say which pairs are drawn more often; empty for a plain sample.
    """

    system: Name
    split: Name
    count: Count
    seed: int
    chosen_by: str = ""

    def items(self, folder: RunFolder, matchup: Matchup) -> list[SheetItem]:
        """Draw the items of the sheet."""
        if not self.chosen_by:
            return draw_items(matchup, self.count, self.seed)
        scores = pair_scores(main_verdicts(verdicts_on(folder, self.chosen_by, matchup)))
        strata = {pair: stratum(scores.get(pair)) for pair in matchup.pairs}
        return draw_items(matchup, self.count, self.seed, strata)


def read_sheets(folder: RunFolder) -> list[Sheet]:
    """Read the sheets of a run; none if it exported none.

    Raises:
        GistevalError: The file is damaged.
    """
    file = folder.path / "verdicts" / "sheets.json"
    if not file.is_file():
        return []
    try:
        content = read_json(file)
        return list(reader_of(tuple[Sheet, ...])(content, "sheets"))
    except (OSError, ValueError) as error:
        raise GistevalError(f"{file} is damaged: export the sheets again") from error


def add_sheet(folder: RunFolder, sheet: Sheet) -> None:
    """Add a sheet to those of a run."""
    sheets = list(dict.fromkeys([*read_sheets(folder), sheet]))
    write_json(folder.path / "verdicts" / "sheets.json", plain(sheets))


def chooser(folder: RunFolder, system: str, split: str) -> str:
    """Return the judge that chose the pairs of a system's sheets; empty if they are plain samples.

    Raises:
        GistevalError: Sheets were chosen by different judges, or the file is damaged.
    """
    chosen = {s.chosen_by for s in read_sheets(folder) if (s.system, s.split) == (system, split)} - {""}
    if len(chosen) > 1:
        raise GistevalError(
            f"the sheets of {system} on {split} were chosen by {' and '.join(sorted(chosen))}: choose "
            "all by one"
        )
    return next(iter(chosen), "")
