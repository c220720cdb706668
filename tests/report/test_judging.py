"""What the gate prints of a judge, the tables state and the figures draw is one count of its verdicts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gisteval.files.names import file_name
from gisteval.gate.gate import run_gate
from gisteval.gate.options import GateOptions
from gisteval.gate.output import gate_json
from gisteval.records.judge_figures import pair_entries
from gisteval.report.data import read_runs
from gisteval.report.figures.judged import decided, swayed
from gisteval.report.judging import judging_tables
from gisteval.report.tables import rounded

SYSTEMS = ("tiny-gist-1", "tiny-gist-4", "tiny-neg_control-1")


def text(value: float | None) -> str:
    return "-" if value is None else rounded(value, 1)


@pytest.mark.parametrize("sees_order", [True, False])
def test_figure_table_and_gate_agree(small_run, write_small_run, make_example, tmp_path, sees_order):
    run = small_run
    if not sees_order:  # each pair once, as a judge of scores takes it
        examples = {"seen": [make_example(number, "seen") for number in range(60)]}
        run = write_small_run(tmp_path / "blind", examples, orders=("ab",))
    entries = {(entry.system, entry.split): entry for entry in pair_entries(read_runs([run]).judging)}
    drawn = [decided(list(entries.values())), swayed(list(entries.values()))]
    assert [len(found) for found in drawn] == [len(entries), len(entries)]
    rates, behaviour = judging_tables(list(entries.values()))
    cells = {row[:2]: row[2:] for row in rates.rows}
    noise = {row[:2]: row[2:] for row in behaviour.rows}
    for system in SYSTEMS:
        options = GateOptions(run.path, run.path, system=system, baseline_system=SYSTEMS[0])
        for split in gate_json(run_gate(options))["splits"]:
            gated, place = split["candidate"]["judge"], (system, split["split"])
            entry = entries[place]
            counts = [gated[name] for name in ("wins", "ties", "losses")]
            assert counts == [getattr(entry, name) for name in ("wins", "ties", "losses")]
            assert cells[place][1] == " / ".join(map(str, counts))
            assert gated["errors"] == entry.missing_pairs
            assert gated["cost"] == entry.cost
            shares = [gated[name] for name in ("flips", "first_shown", "longer")]
            names = ("flip_rate", "first_shown_share", "longer_share")
            stated = [getattr(entry, name) for name in names]
            assert shares == [interval and interval.value for interval in stated]
            assert [cell.split(" [")[0] for cell in noise[place][:3]] == [text(share) for share in shares]
            assert (shares[0] is None, shares[1] is None) == (not sees_order, not sees_order)


def test_no_two_judges_share_a_file(small_run):
    entry = pair_entries(read_runs([small_run]).judging)[0]
    judges = ("openai:a", "openai/a", "openai_a")
    tables = judging_tables([replace(entry, judge=judge) for judge in judges])
    assert len({file_name(table.name) for table in tables}) == 2 * len(judges)
