"""Sheets are drawn fairly, and answers come back as the verdicts that the annotator meant."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from gisteval.errors import GistevalError
from gisteval.judging.human import CLEAR, CONTESTED, draw_items, human_verdicts, read_answers, sheet_csv
from gisteval.judging.protocol import Matchup
from gisteval.records.schema import Example

EXAMPLES = {e.content_id: e for e in (Example(str(n), "t", "s", f"say {n}", "", "r") for n in range(200))}
OURS = {pair: f"ours {n}" for n, pair in enumerate(EXAMPLES)}
THEIRS = {pair: f"theirs {n}" for n, pair in enumerate(EXAMPLES)}
MATCHUP = Matchup("t", "s", "gist", "pos", EXAMPLES, OURS, THEIRS)


def test_each_pair_is_drawn_once_in_a_fair_order() -> None:
    items = draw_items(MATCHUP, 1000, 0)
    assert {item.comparison.pair for item in items} == set(EXAMPLES) and len(items) == 200
    assert 75 < sum(item.comparison.order == "ab" for item in items) < 125
    other_seed = {item.comparison.pair for item in draw_items(MATCHUP, 50, 1)}
    assert other_seed != {item.comparison.pair for item in draw_items(MATCHUP, 50, 0)}


def test_a_preference_survives_the_sheet(tmp_path: Path) -> None:
    items = draw_items(MATCHUP, 60, 0)
    rows = list(csv.DictReader(io.StringIO(sheet_csv(items))))
    lines = ["id,choice"]
    for n, row in enumerate(rows):
        prefers_first = row["answer_1"].startswith("ours")
        lines.append(f"{row['id']},{('1' if prefers_first else '2') if n % 3 else 'tie'}")
    file = tmp_path / "ann.csv"
    file.write_text("\n".join(lines) + "\n")
    verdicts = human_verdicts(items, read_answers(file), "ann", file)
    assert {v.judge for v in verdicts} == {"human:ann"}
    assert [v.choice for v in verdicts] == ["a" if n % 3 else "tie" for n in range(60)]


def test_an_answer_to_another_sheet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GistevalError, match=r"1 of 2 items \(first x\) are not in this run's sheets"):
        items = draw_items(MATCHUP, 1, 0)
        human_verdicts(items, {items[0].id: "tie", "x": "first"}, "ann", tmp_path)


def test_chosen_pairs_follow_size_and_spread() -> None:
    pairs = list(MATCHUP.pairs)
    different = [pair for pair in pairs if not MATCHUP.equal(pair)]
    contested = set(different[: len(different) // 3])
    strata = {pair: CONTESTED if pair in contested else CLEAR for pair in pairs}
    items = draw_items(MATCHUP, 20, 0, strata)
    drawn = sum(item.comparison.pair in contested for item in items)
    wanted = 20 * len(contested) * 45 / (len(contested) * 45 + (len(different) - len(contested)) * 30)
    assert drawn == round(wanted)
    assert items == draw_items(MATCHUP, 20, 0, strata)
    assert [item.id for item in items] == sorted(item.id for item in items)
