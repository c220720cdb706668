"""Tables of runs that drew several answers to each example: where values spread, and pass@k."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gisteval import stats
from gisteval.metrics import metric
from gisteval.metrics.repeats import ALL, ANY, split_name
from gisteval.metrics.spread import ITEMS, SAMPLES
from gisteval.records.schema import ResultRow
from gisteval.report.data import ReportData
from gisteval.report.layout import Table
from gisteval.report.tables import value_text

Place = tuple[str, str]
"""A split and a system."""


def sampling_tables(data: ReportData) -> list[Table]:
    """Build the tables; none if every example has one answer."""
    samples = {
        (split, run.names.get(system.name, system.name)): run.manifest.samples or 1
        for run in data.runs
        for split in run.folder.splits
        for system in run.folder.systems
    }
    rows = [row for row in data.rows if samples.get((row.split, row.system), 1) > 1]
    cells = {((row.split, row.system), row.metric): row for row in rows}
    places = list(dict.fromkeys(place for place, _ in cells))
    return [*_spread_table(places, cells, samples, data.leading.name), *_repeat_tables(places, cells)]


def _spread_table(
    places: Sequence[Place],
    cells: dict[tuple[Place, str], ResultRow],
    samples: dict[Place, int],
    leading: str,
) -> Iterator[Table]:
    stand_in = metric(leading).stand_in
    rows = []
    for place in places:
        name = leading if (place, f"{leading}.{ITEMS}") in cells else stand_in
        items, answers = (cells.get((place, f"{name}.{part}")) for part in (ITEMS, SAMPLES))
        mean = cells.get((place, name or ""))
        if items is not None and answers is not None:
            gains = gain_texts(items.value, answers.value, samples[place])
            texts = (value_text(mean), value_text(items), value_text(answers))
            rows.append((*place, *texts, str(samples[place]), *gains, str(items.n)))
    if rows:
        columns = (
            *("split", "system", metric(leading).title, "between examples", "between answers"),
            *("answers each", "their share", "twice the answers", "twice the examples", "n"),
        )
        note = (
            "Between examples, and between the answers to one example: standard deviations in points. "
            "With K answers each, the variance of the mean over n independent examples is (examples² + "
            "answers² / K) / n. Their share: the part of it that the answers cause. Twice the answers, or "
            "examples: how much the interval of the mean would narrow. Source: Miller, arXiv 2411.00640."
        )
        yield Table("sampling", "Spread of the answers", columns, tuple(rows), note)


def gain_texts(items: float, answers: float, samples: int) -> tuple[str, str, str]:
    """Say what the answers do to the error of a mean.

    Args:
        items: The standard deviation between examples.
        answers: The standard deviation between the answers to one example.
        samples: The number of answers to each example.

    Returns:
        Their share of the variance, and by how much twice as many of them, and twice as many examples,
        narrow the interval. Dashes where nothing spreads.
    """
    found = stats.gains(items**2, answers**2, samples)
    if found is None:
        return "-", "-", "-"
    shares = (found.share, found.twice_samples, found.twice_items)
    first, second, third = (f"{100.0 * share:.0f}%" for share in shares)
    return first, second, third


def _repeat_tables(places: Sequence[Place], cells: dict[tuple[Place, str], ResultRow]) -> Iterator[Table]:
    names = {name: found for _, name in cells if (found := split_name(name)) is not None}
    for base in dict.fromkeys(found[0] for found in names.values()):
        shown = [name for name, found in names.items() if found[0] == base]
        rows = tuple(
            (*place, *(value_text(cells.get((place, name))) for name in (base, *shown)), str(first.n))
            for place in places
            if (first := cells.get((place, base))) is not None
        )
        kinds = [f"{names[name][1]}{names[name][2]}" for name in shown]
        note = (
            f"{ANY}k: the chance that one of k answers is right; {ALL}k: that all k are. Both are "
            "unbiased: the share of all sets of k of an example's answers that hold a right one, or right "
            "ones alone. Source: Chen et al., arXiv 2107.03374; Yao et al., arXiv 2406.12045."
        )
        columns = ("split", "system", f"{ANY}1", *kinds, "n")
        yield Table(f"pass-{base}", f"Several answers: {metric(base).title}", columns, rows, note)
