"""The sheets that a run has exported, and who chose their pairs."""

from __future__ import annotations

import pytest

from gisteval.errors import GistevalError
from gisteval.judging.study import matchups
from gisteval.pipeline.judge.sheets import Sheet, add_sheet, chooser, read_sheets
from gisteval.records.run_folder import RunFolder

PLAIN = Sheet("gist-1", "test", 3, 0)
CHOSEN = Sheet("gist-1", "test", 3, 0, "reference")


@pytest.fixture
def folder(make_run) -> RunFolder:
    """A run of eight pairs, two of them equal, that is not judged."""
    texts = [f"ref {n}" for n in range(8)]
    return RunFolder.open(make_run({"pos": texts, "gist-1": [*texts[:2], *["no"] * 6]}))


def test_sheets_are_read_as_they_were_added_each_once(folder: RunFolder) -> None:
    assert read_sheets(folder) == []
    other = Sheet("gist-1", "test", 3, 1)
    for sheet in (PLAIN, other, PLAIN, CHOSEN):
        add_sheet(folder, sheet)
    assert read_sheets(folder) == [PLAIN, other, CHOSEN]


def test_the_judge_that_chose_is_that_of_the_system_and_split(folder: RunFolder) -> None:
    add_sheet(folder, PLAIN)
    assert chooser(folder, "gist-1", "test") == ""
    add_sheet(folder, CHOSEN)
    assert chooser(folder, "gist-1", "test") == "reference"
    assert chooser(folder, "gist-1", "seen") == chooser(folder, "gist-2", "test") == ""
    add_sheet(folder, Sheet("gist-1", "test", 9, 0, "openai"))
    with pytest.raises(
        GistevalError, match="gist-1 on test were chosen by openai and reference: choose all"
    ):
        chooser(folder, "gist-1", "test")


def test_a_plain_sheet_draws_pairs_that_differ_and_the_same_ones_again(folder: RunFolder) -> None:
    matchup = next(matchup for matchup in matchups(folder) if matchup.system == "gist-1")
    drawn = PLAIN.items(folder, matchup)
    assert drawn == PLAIN.items(folder, matchup) and len(drawn) == 3
    whole = Sheet("gist-1", "test", 99, 0).items(folder, matchup)
    assert len(whole) == 6 and {item.id for item in drawn} < {item.id for item in whole}
    assert not any(matchup.equal(item.comparison.pair) for item in whole)


@pytest.mark.parametrize(
    "text", ["{", "{}", '[{"system": "gist-1"}]', '[{"system": 3, "split": "a", "count": 1}]']
)
def test_a_damaged_file_is_one_line(folder: RunFolder, text: str) -> None:
    add_sheet(folder, PLAIN)
    (folder.path / "verdicts" / "sheets.json").write_text(text)
    with pytest.raises(GistevalError, match=r"sheets\.json is damaged: export the sheets again$"):
        read_sheets(folder)
