"""Rank groups of the systems of some runs, by task, split and model: no order that the data do not show.

A system's group is one more than the number of systems that are shown to be better than it, so systems
that are not told apart share a group. Beside it stands the group among the systems of the same budget.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations

from markupsafe import escape

from gisteval import stats
from gisteval.errors import GistevalError
from gisteval.files.names import file_name
from gisteval.metrics import metric as find_metric
from gisteval.metrics.base import ExampleMetric, Metric
from gisteval.records.schema import ResultRow
from gisteval.registry import ORACLE_NOTE, compresses, is_oracle, keeps_gists
from gisteval.report.budget import LEVEL
from gisteval.report.claims import family_of
from gisteval.report.data import ReportData
from gisteval.report.frontier import METRICS, screened, values_by_metric
from gisteval.report.layout import Table, markdown_text, plain_text
from gisteval.report.summary import WIDTH, fitted
from gisteval.report.tables import interval_text
from gisteval.report.values import Values, groups

Place = tuple[str, str, str]
"""Task, split and model."""

LEFT_OUT = ("family", "budget", "better than")
"""Columns that a terminal has no room for. Systems' names say family and budget."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A system of the leaderboard.

    Attributes:
        group: Its rank group in its task, split and model.
        group_of_budget: The same among the systems with its budget; None for one without.
        better: How many of the others it is shown to be better than.
        family: The compressor, without budget and settings.
        budget: Slots, tokens or a share, as it was asked for; a gist's k; empty for controls.
        bytes: Mean stored bytes of a prompt.
        value, ci_low, ci_high: The score with its interval.
        oracle: Whether it sees the input, so that nothing it keeps can be reused.
    """

    task: str
    split: str
    model: str
    group: int
    group_of_budget: int | None
    better: int
    system: str
    family: str
    compressor: str
    budget: str
    bytes: float | None
    metric: str
    value: float
    ci_low: float | None
    ci_high: float | None
    n: int
    oracle: bool = False


CORRECTIONS: dict[str, Callable[[Sequence[float]], list[float]]] = {
    "holm": stats.holm,
    "bh": stats.benjamini_hochberg,
}
"""How the p-values of all pairs are corrected: Holm, or Benjamini and Hochberg."""


def leaderboard(data: ReportData, values: Values, metric: str, correction: str = "holm") -> list[Ranked]:
    """All systems of some runs by task, split, model, group and score.

    Args:
        data: The runs.
        values: Their scores by example.
        metric: A score of single examples, or pass@k or pass^k of one.
        correction: One of CORRECTIONS.

    Raises:
        GistevalError: The metric is unknown or no such score, or no run has it.
    """
    measured = find_metric(metric)
    if not _is_score(measured):
        raise GistevalError(
            f"--metric {metric} is no score of single examples: choose one, such as {' or '.join(METRICS)}"
        )
    if correction not in CORRECTIONS:
        raise GistevalError(f"--correction is {' or '.join(CORRECTIONS)}, not {correction!r}")
    group_of, budgets = groups(data), _budgets(data)
    stored = {(row.system, row.split): row.value for row in data.rows if row.metric == "bytes"}
    places: dict[Place, list[ResultRow]] = {}
    for row in data.rows:
        if row.metric == metric:
            place = (row.task, row.split, family_of(group_of[row.system]))
            places.setdefault(place, []).append(row)
    if not places:
        known = dict.fromkeys(row.metric for row in data.rows if _is_score(find_metric(row.metric)))
        others = f": choose another --metric of {', '.join(known)}" if known else ""
        raise GistevalError(f"no run has {measured.title}{others}")
    values = values_by_metric(data, values, metric)
    found = []
    for place, rows in places.items():
        better = _better(rows, values, correction)
        found += sorted(
            (
                _ranked(row, place, rows, better, budgets, stored.get((row.system, row.split)))
                for row in rows
            ),
            key=lambda ranked: (ranked.group, -measured.sign * ranked.value),
        )
    return found


def _is_score(measured: Metric) -> bool:
    """Say whether systems can be ranked by a metric: it has a grade for each example."""
    return isinstance(measured, ExampleMetric) and measured.graded


def _better(rows: Sequence[ResultRow], values: Values, correction: str) -> frozenset[tuple[str, str]]:
    """Pairs of the better and the worse system that the data show, corrected for all pairs."""
    pairs = list(combinations(rows, 2))
    p_values = [screened(values, one.metric, one.split, one.system, other.system) for one, other in pairs]
    return frozenset(
        (one.system, other.system)
        if find_metric(one.metric).sign * (one.value - other.value) > 0
        else (other.system, one.system)
        for (one, other), p_value in zip(pairs, CORRECTIONS[correction](p_values), strict=True)
        if p_value <= LEVEL
    )


def _ranked(
    row: ResultRow,
    place: Place,
    rows: Sequence[ResultRow],
    better: frozenset[tuple[str, str]],
    budgets: Mapping[str, str],
    stored: float | None,
) -> Ranked:
    budget = budgets[row.system]
    above = [other.system for other in rows if (other.system, row.system) in better]
    alike = sum(budgets[system] == budget for system in above)
    return Ranked(
        *place,
        group=1 + len(above),
        group_of_budget=1 + alike if budget else None,
        better=sum((row.system, other.system) in better for other in rows),
        system=row.system,
        family=row.compressor.partition(":")[0],
        oracle=is_oracle(row.compressor),
        compressor=row.compressor,
        budget=budget,
        bytes=stored,
        metric=row.metric,
        value=row.value,
        ci_low=row.ci_low,
        ci_high=row.ci_high,
        n=row.n,
    )


def _budgets(data: ReportData) -> dict[str, str]:
    """The budget of each system as it was asked for; k for gists, "" where nothing was asked."""
    found = {}
    for row in data.rows:
        found[row.system] = str(row.k) if keeps_gists(row.compressor) else ""
    for run in data.runs:
        for system in run.folder.systems:
            name = run.names.get(system.name, system.name)
            if system.budget is not None and compresses(system.compressor):
                found[name] = system.budget_text
    return found


def leaderboard_tables(ranked: Sequence[Ranked]) -> list[Table]:
    """A table for each task, split and model."""
    places = dict.fromkeys((one.task, one.split, one.model) for one in ranked)
    return [_table(place, [o for o in ranked if (o.task, o.split, o.model) == place]) for place in places]


def _table(place: Place, ranked: Sequence[Ranked]) -> Table:
    label = find_metric(ranked[0].metric).title
    columns = ("group", "system", "family", "budget", "in budget", label, "bytes", "better than", "n")
    rows = tuple(
        (
            str(one.group),
            one.system,
            f"{one.family} (oracle)" if one.oracle else one.family,
            one.budget or "-",
            "-" if one.group_of_budget is None else str(one.group_of_budget),
            interval_text(one.value, one.ci_low, one.ci_high, 1),
            "-" if one.bytes is None else f"{one.bytes:,.0f}",
            f"{one.better} of {len(ranked) - 1}",
            str(one.n),
        )
        for one in ranked
    )
    note = (
        "Group: 1 and the number of systems that are shown to be better; in budget: of those with the same "
        "budget. Pairs are compared on the same examples and corrected together (Holm). Systems of one "
        "group are not told apart, whatever their order here."
    )
    if any(is_oracle(one.compressor) for one in ranked):
        note = f"{note} {ORACLE_NOTE}"
    task, split, model = place
    return Table(file_name(f"{task}-{split}-{model}"), f"{task}, {split}: {model}", columns, rows, note)


def as_text(ranked: Sequence[Ranked]) -> str:
    """For a terminal of 80 columns: without some columns, which all other forms have."""
    return "\n".join(_narrow_text(table) for table in leaderboard_tables(ranked))


def _narrow_text(table: Table) -> str:
    shown = [place for place, name in enumerate(table.columns) if name not in LEFT_OUT]
    head, *rows = (tuple(line[place] for place in shown) for line in (table.columns, *table.rows))
    narrow = fitted(Table(table.name, table.title, head, tuple(rows)), "system")
    return f"{plain_text(narrow)}{textwrap.fill(table.note, WIDTH)}\n"


def as_markdown(ranked: Sequence[Ranked]) -> str:
    """A section a table."""
    parts = [f"## {table.title}\n\n{markdown_text(table)}\n" for table in leaderboard_tables(ranked)]
    return "\n".join(parts)


def as_csv(ranked: Sequence[Ranked]) -> str:
    """One table of all, intervals in columns of their own."""
    names = ("task", "split", "model")
    tables = leaderboard_tables(ranked)
    rows = [
        (*(getattr(one, name) for name in names), *row)
        for one, row in zip(ranked, (row for table in tables for row in table.rows), strict=True)
    ]
    return Table("leaderboard", "", (*names, *tables[0].columns), tuple(rows)).csv_text()


def as_json(ranked: Sequence[Ranked]) -> str:
    """All fields of each system."""
    content = [asdict(one) for one in ranked]
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def as_html(ranked: Sequence[Ranked]) -> str:
    """A page that asks nothing of the network and runs no script."""
    style = (
        "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}"
        "table{border-collapse:collapse}td,th{padding:.2rem .6rem;border-bottom:1px solid #d9d6d0;"
        "text-align:left}caption{text-align:left;font-weight:600;padding:.6rem}"
    )
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    head = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Leaderboard</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}"><style>{style}</style></head><body>'
    )
    tables = [_html_table(table) for table in leaderboard_tables(ranked)]
    return "\n".join([head, "<h1>Leaderboard</h1>", *tables, "</body></html>", ""])


def _html_table(table: Table) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    rows = [line(row, "td") for row in table.rows]
    head = f"<table><caption>{escape(table.title)}</caption>{line(table.columns, 'th')}"
    return "\n".join([head, *rows, f"</table><p>{escape(table.note)}</p>"])


FORMATS = {"md": as_markdown, "csv": as_csv, "json": as_json, "html": as_html}
"""What writes the leaderboard, by the ending of its file."""
