"""The frontier: score against what a prompt costs, for runs that compare several compressors.

A prompt costs stored bytes, bytes of memory while it is used, and FLOPs where its tokens run again. Every
compressed system is held against the whole prompt and against the gists that take the most similar room, on
the examples that both answered. All comparisons of one table are corrected together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from gisteval import stats
from gisteval.errors import counted
from gisteval.metrics import metric as find_metric
from gisteval.metrics.base import ExampleMetric
from gisteval.records.schema import Estimate, ResultRow
from gisteval.registry import ORACLE_NOTE, compresses, is_oracle, keeps_gists
from gisteval.report.budget import LEVEL
from gisteval.report.data import ReportData
from gisteval.report.layout import Table, engineering, size_text
from gisteval.report.tables import interval_text
from gisteval.report.values import Values, groups, screened_test
from gisteval.scores.comparison import paired_difference
from gisteval.scores.facts import asked
from gisteval.scores.repeats import read_scores

METRICS = ("rougeL", "exact_match")
"""What is drawn and compared, each in percent."""


@dataclass(frozen=True, slots=True)
class Point:
    """A compressed system on one split.

    Attributes:
        row: Its score.
        stored: Mean measured bytes of a stored prompt.
        group: The positive control that it is held against.
        resident: Mean bytes of its states while the prompt is used; None if unknown.
        recomputed: Mean FLOPs of running its tokens again at each use; None if unknown.
    """

    row: ResultRow
    stored: float
    group: str
    resident: float | None = None
    recomputed: float | None = None

    @property
    def family(self) -> str:
        """The compressor with its settings, whatever the budget."""
        return self.row.compressor

    @property
    def is_gist(self) -> bool:
        """Whether it keeps the gist tokens of whole prompts; those of segments are compared with them."""
        return keeps_gists(self.row.compressor)


@dataclass(frozen=True, slots=True)
class Cost:
    """A horizontal axis of the frontier, and a column of its table.

    Attributes:
        name: The attribute of a `Point` that has it.
        column: Its column.
        title: What the score is drawn against.
        axis: The label of the axis.
        meaning: A sentence on it.
        text: Writes a value.
    """

    name: str
    column: str
    title: str
    axis: str
    meaning: str
    text: Callable[[float], str]

    def of(self, point: Point) -> float | None:
        """A point's value."""
        value: float | None = getattr(point, self.name)
        return value


STORED = Cost(
    "stored",
    "stored",
    "stored bytes",
    "stored bytes of a prompt",
    "Stored: mean measured bytes of a compressed prompt.",
    size_text,
)
RESIDENT = Cost(
    "resident",
    "in use",
    "bytes in use",
    "bytes of a prompt in use",
    "In use: mean bytes of its states in memory while it serves an input: of tokens that ran again, of "
    "packed states once they are unpacked, and of buffers with the share of them that stayed empty in the "
    "self-check.",
    size_text,
)
RECOMPUTED = Cost(
    "recomputed",
    "FLOPs again",
    "recomputed FLOPs",
    "FLOPs of running a prompt again, a use",
    "FLOPs again: of running the kept tokens again at each use, by closed form; stored states need none.",
    engineering,
)


def known_costs(points: Sequence[Point]) -> list[Cost]:
    """The costs that the points have; further ones only if they tell more than the stored bytes."""
    others = any(
        point.resident is not None and abs(point.resident / point.stored - 1) > 0.01 for point in points
    )
    again = any(point.recomputed for point in points)
    return [STORED, *([RESIDENT] if others else []), *([RECOMPUTED] if again else [])]


@dataclass(frozen=True, slots=True)
class Held:
    """A system less another one, in points, on the examples of both. p_value: corrected by `corrected`."""

    metric: str
    split: str
    system: str
    other: str
    difference: Estimate
    p_value: float

    @property
    def finding(self) -> str:
        """What is shown: better, worse, or a tie, which is neither."""
        if self.p_value > LEVEL:
            return "tie"
        return "better" if self.difference.value > 0 else "worse"


def values_by_metric(data: ReportData, values: Values, name: str) -> Values:
    """The values of the report, with those of a metric that it doesn't lead with.

    A missing output has the metric's value for it. A split whose references the metric can't read has none.
    """
    measured = find_metric(name)
    is_known = name == values.leading or any(known == name for known, _, _ in values.columns)
    if is_known or not isinstance(measured, ExampleMetric):
        return values
    columns = dict(values.columns)
    for run in data.runs:
        for split in run.folder.splits:
            examples = run.folder.examples(split)
            if measured.unread([example.output for example in examples]).too_many:
                continue
            for system in run.folder.systems:
                column = {
                    output.example.content_id: output.values[name]
                    for output in read_scores(run.folder, system.name, split, examples, [measured])
                    if name in output.values
                }
                if column:
                    for example in filter(measured.applies_to, asked(run.folder, system.name, split)):
                        column.setdefault(example.content_id, measured.without_output)
                    columns[name, run.names.get(system.name, system.name), split] = column
    return replace(values, columns=columns)


def hold(values: Values, metric: str, split: str, system: str, other: str) -> Held | None:
    """One system held against another, not corrected yet; None without an example of both."""
    found = paired_difference(find_metric(metric), *values.paired(metric, system, other, split))
    if found is None:
        return None
    return Held(metric, split, system, other, found.estimate, found.p_value)


def corrected(found: Sequence[Held]) -> list[Held]:
    """All of them with p-values corrected by Holm's method for their number."""
    adjusted = stats.holm([held.p_value for held in found])
    return [replace(held, p_value=p_value) for held, p_value in zip(found, adjusted, strict=True)]


def frontier_points(data: ReportData, metric: str) -> list[Point]:
    """The points of `compressed_points`.

    Empty where they are all of one compressor: there is nothing to compare then.
    """
    points = compressed_points(data, metric)
    return points if len({point.family.partition(":")[0] for point in points}) > 1 else []


def compressed_points(data: ReportData, metric: str) -> list[Point]:
    """The compressed systems whose score and stored bytes are known, in the order of the rows."""
    group_of = groups(data)
    stored = {(row.system, row.split): row.value for row in data.rows if row.metric == "bytes"}
    uses = data.in_use
    return [
        Point(
            row,
            stored[row.system, row.split],
            group_of[row.system],
            *((use.resident, use.recomputed) if (use := uses.get((row.system, row.split))) else ()),
        )
        for row in data.rows
        if row.metric == metric and row.condition in (None, "gist") and compresses(row.compressor)
        if stored.get((row.system, row.split), 0) > 0
    ]


def nearest_gist(point: Point, points: Iterable[Point]) -> Point | None:
    """The gists on the same split and beside the same control whose bytes are most similar."""
    gists = [p for p in points if p.is_gist and (p.row.split, p.group) == (point.row.split, point.group)]
    return min(gists, key=lambda gist: abs(math.log(gist.stored / point.stored)), default=None)


def frontier_tables(data: ReportData, values: Values) -> list[Table]:
    """A table for each metric and positive control; none for runs of a single compressor."""
    tables = []
    for metric in METRICS:
        points = frontier_points(data, metric)
        if not points:
            continue
        known = values_by_metric(data, values, metric)
        for group in dict.fromkeys(point.group for point in points):
            tables.append(_table(metric, group, [p for p in points if p.group == group], known))
    return tables


def _table(metric: str, group: str, points: Sequence[Point], values: Values) -> Table:
    found: list[Held] = []
    for point in points:
        gist = None if point.is_gist else nearest_gist(point, points)
        others = [group, *([] if gist is None else [gist.row.system])]
        held = [hold(values, metric, point.row.split, point.row.system, other) for other in others]
        found += filter(None, held)
    by_place = {(held.split, held.system, held.other): held for held in corrected(found)}
    rows, costs = [], known_costs(points)
    for point in sorted(points, key=lambda p: (_splits(points).index(p.row.split), p.stored)):
        row, gist = point.row, None if point.is_gist else nearest_gist(point, points)
        whole = by_place.get((row.split, row.system, group))
        against = by_place.get((row.split, row.system, gist.row.system)) if gist else None
        cells = (*_held_cells(whole), "-" if gist is None else gist.row.system, *_held_cells(against))
        score = interval_text(row.value, row.ci_low, row.ci_high, 1)
        taken = [(cost.text, cost.of(point)) for cost in costs]
        paid = ("-" if value is None else text(value) for text, value in taken)
        rows.append((row.split, row.system, *paid, score, *cells, str(row.n)))
    columns = (
        *("split", "system", *(cost.column for cost in costs)),
        *(find_metric(metric).title, "less the whole prompt", "p", "finding"),
        *("gist of similar size", "less that gist", "p, gist", "finding, gist", "n"),
    )
    note = (
        f"{' '.join(cost.meaning for cost in costs)} Differences are paired on the examples. p: of no "
        f"difference, corrected by Holm's method over {counted(len(found), 'comparison')} of this "
        "table; a tie is a difference that they do not show, which is no proof that there is none."
    )
    if any(is_oracle(point.family) for point in points):
        note = f"{note} {ORACLE_NOTE}"
    title = f"Frontier: {find_metric(metric).title} against stored bytes, beside {group}"
    return Table(f"frontier-{metric}-{group}", title, columns, tuple(rows), note)


def _splits(points: Sequence[Point]) -> list[str]:
    return list(dict.fromkeys(point.row.split for point in points))


def _held_cells(held: Held | None) -> tuple[str, str, str]:
    if held is None:
        return "-", "-", "-"
    estimate = held.difference
    low, high = (end if math.isfinite(end) else None for end in (estimate.ci_low, estimate.ci_high))
    return interval_text(estimate.value, low, high, 1), f"{held.p_value:.2g}", held.finding


def screened(values: Values, metric: str, split: str, system: str, other: str) -> float:
    """The p-value of `hold`, 1 where the difference can't be significant or there is none."""
    ours, theirs, clusters = values.paired(metric, system, other, split)
    return screened_test(find_metric(metric), ours - theirs, clusters)[1] if clusters else 1.0
