"""The paper's tables of quality: scores and win rates with their retention, by k, and exact match."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from gisteval.metrics import metric
from gisteval.records.schema import ResultRow
from gisteval.registry import keeps_gists
from gisteval.report.data import ReportData
from gisteval.report.doubts import MARK
from gisteval.report.layout import Table
from gisteval.report.tables import k_text, retention_text, score_text, value_text
from gisteval.report.values import Values, groups

_BEST = "Bold: shown to be better than every other candidate of its group (corrected for all pairs)."

_Rows = dict[tuple[str, str, str], ResultRow]
"""Result rows by metric (for a win rate the judge's name), system and split."""


def quality_tables(data: ReportData, values: Values) -> list[Table]:
    """Build the tables of quality. A table without rows is left out."""
    cells = _cells(data.rows)
    tables = [_main(data, cells, values), *_k_tables(data, cells, values), _exact(data, cells, values)]
    return [table for table in tables if table.rows]


def judges_of(rows: Iterable[ResultRow]) -> list[str]:
    """Return the judges that have win rates, in the order of the rows."""
    return list(dict.fromkeys(row.judge or "judge" for row in rows if row.metric == "win_rate"))


def _cells(rows: Iterable[ResultRow]) -> _Rows:
    return {
        ((row.judge or "judge") if row.metric == "win_rate" else row.metric, row.system, row.split): row
        for row in rows
    }


def _places(data: ReportData) -> list[tuple[str, str]]:
    """Return the pairs of split and system that have rows, split by split, in the order of the rows."""
    splits = dict.fromkeys(row.split for row in data.rows)
    systems = dict.fromkeys(row.system for row in data.rows)
    known = {(row.split, row.system) for row in data.rows}
    return [(split, system) for split in splits for system in systems if (split, system) in known]


def _candidates(data: ReportData) -> list[str]:
    return list(
        dict.fromkeys(
            row.system for row in data.rows if row.condition not in ("pos_control", "neg_control")
        )
    )


def _main(data: ReportData, cells: _Rows, values: Values) -> Table:
    """Build the paper's Table 1, with a row for each split and system."""
    judges = judges_of(data.rows)
    leading = data.leading
    measures = [leading.name, *judges]
    columns = ["split", "system", "k", leading.title, "retained %"]
    for judge in judges:
        columns += [f"win rate, {judge}{f' {MARK}' if data.doubts.of(judge) else ''}"]
        columns += ["retained %" if len(judges) == 1 else f"retained %, {judge}"]
    columns.append("n")
    rows: list[tuple[str, ...]] = []
    best: set[tuple[int, int]] = set()
    bold = {measure: _best_cells(data, values, measure) for measure in measures}
    for split, system in _places(data):
        stand_in = cells.get((leading.stand_in or "", system, split))
        row_cells = [cells.get((measure, system, split)) for measure in measures]
        score = score_text(leading, row_cells[0], stand_in)
        row_cells[0] = row_cells[0] or stand_in
        if not any(row_cells):
            continue
        for place, measure in enumerate(measures):
            if (system, split) in bold[measure]:
                best.add((len(rows), 3 + 2 * place))
        first = next(row for row in row_cells if row is not None)
        texts = [text for row in row_cells for text in (value_text(row), retention_text(row))]
        rows.append((split, system, k_text(first), score, *texts[1:], str(first.n)))
    note = (
        "Retained: the share of the gap between the controls; for a win rate, of the gap between the "
        "negative control's and 50. " + _BEST
    )
    doubted = [f"{MARK} {sentence}" for sentence in data.doubts.sentences]
    note = " ".join([note, *doubted])
    title = f"{leading.title} and win rate" if judges else leading.title
    return Table("main", title, _unique(columns), tuple(rows), note, frozenset(best))


def _unique(columns: Sequence[str]) -> tuple[str, ...]:
    """Make the names of columns unique, as a CSV file needs it."""
    seen: dict[str, int] = {}
    unique = []
    for name in columns:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"win rate {name}")
    return tuple(unique)


def _best_cells(data: ReportData, values: Values, metric: str) -> set[tuple[str, str]]:
    """Return (system, split) of the candidates that are shown to be the best of their group on a split."""
    if metric in data.doubts.judges:
        return set()
    group_of = groups(data)
    members: dict[str, list[str]] = {}
    for system in _candidates(data):
        members.setdefault(group_of[system], []).append(system)
    splits = dict.fromkeys(row.split for row in data.rows)
    best_cells = set()
    for split in splits:
        for systems in members.values():
            best = values.clearly_best(metric, systems, split)
            if best is not None:
                best_cells.add((best, split))
    return best_cells


def _k_tables(data: ReportData, cells: _Rows, values: Values) -> list[Table]:
    """Build for each group and metric the paper's table over k between the controls, a row per split."""
    group_of = groups(data)
    tables = []
    for group in dict.fromkeys(group_of.values()):
        members = [row for row in data.rows if group_of[row.system] == group]
        gists = {row.k: row.system for row in members if keeps_gists(row.compressor)}
        if len(gists) < 2:
            continue
        negative = next((row.system for row in members if row.condition == "neg_control"), None)
        for measure in [data.leading.name, *judges_of(members)]:
            table = _k_table(cells, values, measure, group, dict(sorted(gists.items())), negative)
            if data.doubts.of(measure):
                table = data.doubts.marked(replace(table, best=frozenset()), measure)
            tables.append(table)
    return [table for table in tables if table.rows]


def _k_table(
    cells: _Rows,
    values: Values,
    measure: str,
    positive: str,
    gists: Mapping[int, str],
    negative: str | None,
) -> Table:
    splits = dict.fromkeys(split for name, _, split in cells if name == measure)
    systems = [negative, *gists.values(), positive]
    rows: list[tuple[str, ...]] = []
    best: set[tuple[int, int]] = set()
    for split in splits:
        row_cells = [None if system is None else cells.get((measure, system, split)) for system in systems]
        if any(row is not None for row in row_cells[1:-1]):
            winner = values.clearly_best(measure, list(gists.values()), split)
            best |= {
                (len(rows), 1 + place) for place, name in enumerate(systems) if name and name == winner
            }
            texts = [value_text(row) for row in row_cells]
            if measure != values.leading:
                texts[-1] = "50"  # against itself
            rows.append((split, *texts))
    score = metric(measure).title if measure == values.leading else f"win rate, {measure}"
    controls = _control(cells, "negative", negative), _control(cells, "positive", positive)
    columns = ("split", controls[0], *(f"k = {k}" for k in gists), controls[1])
    slug = "".join(
        letter if letter.isalnum() or letter in "-." else "_" for letter in f"{positive}-{measure}"
    )
    note = "Bold: shown to be better than every other k (corrected for all pairs and splits)."
    title = f"Sweep over k: {score}, beside {positive}"
    return Table(f"k-sweep-{slug}", title, columns, tuple(rows), note, frozenset(best))


def _control(cells: _Rows, role: str, system: str | None) -> str:
    """Name a control's column. It is marked if the control is the candidate's own weights, untrained."""
    rows = [row for (_, name, _), row in cells.items() if name == system]
    return f"{role} control{' (untrained)' if any(row.control == 'untrained' for row in rows) else ''}"


def _exact(data: ReportData, cells: _Rows, values: Values) -> Table:
    leading = data.leading
    stand_in = None if leading.stand_in is None else metric(leading.stand_in)
    unreadable = {split: unread for split, unread in values.unread.items() if unread and stand_in}
    rows = []
    for split, system in _places(data):
        match = cells.get(("exact_match", system, split))
        if match is not None:
            equal = cells.get(("exact_match_pos", system, split))
            read = (value_text(cells.get((leading.stand_in or "", system, split))),) if unreadable else ()
            rows.append((split, system, value_text(match), value_text(equal), *read, str(match.n)))
    read = (stand_in.title,) if unreadable and stand_in else ()
    columns = ("split", "system", "= reference", "= positive control", *read, "n")
    listed = "; ".join(f"{split}: {unread}" for split, unread in unreadable.items())
    note = f"{listed}. {', '.join(read)} reads them." if unreadable else ""
    return Table("exact-match", "Exact match", columns, tuple(rows), note)
