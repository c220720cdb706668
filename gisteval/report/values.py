"""Values by example, and paired tests that show whether one candidate is better than another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations

import numpy as np

from gisteval import stats
from gisteval.metrics import LEADING, Metric, Unread
from gisteval.metrics import metric as find_metric
from gisteval.report.budget import LEVEL, ORDERS
from gisteval.report.data import ReportData
from gisteval.report.samples import Samples
from gisteval.scores.comparison import difference_p_value
from gisteval.stats.intervals import mean_error

Column = tuple[str, str, str]
"""The leading metric or a judge (for its win rate), system and split."""

WIN_RATE = "win_rate"

_UNCLEAR = 1.5
"""A difference of fewer standard errors is not tested, since it can't be significant."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference of two candidates, on the examples that both have a value for.

    Attributes:
        metric: The leading metric, or the judge of a win rate.
        split: The split.
        one: The first candidate.
        other: The second candidate.
        value: The mean difference, positive if `one` is better.
        p_value: The p-value of no difference, corrected for all pairs of candidates, splits and metrics of
            one positive control.
    """

    metric: str
    split: str
    one: str
    other: str
    value: float
    p_value: float

    @property
    def better(self) -> str | None:
        """The candidate that is shown to be better, if any."""
        if self.p_value > LEVEL:
            return None
        return self.one if self.value > 0 else self.other


@dataclass
class Values:
    """The values of all systems by example.

    Attributes:
        columns: The values by column, then by content id.
        clusters: The instruction of each example, by content id.
        unread: The references that the leading metric can't read, by split.
        candidates: The candidates of each positive control, by the control's name.
        leading: The name of the leading metric. All other columns belong to judges.
    """

    columns: dict[Column, dict[str, float]] = field(default_factory=dict)
    clusters: dict[str, str] = field(default_factory=dict)
    unread: dict[str, Unread] = field(default_factory=dict)
    candidates: dict[str, list[str]] = field(default_factory=dict)
    leading: str = LEADING

    @property
    def judges(self) -> tuple[str, ...]:
        """The judges that have values."""
        return tuple(dict.fromkeys(name for name, _, _ in self.columns if name != self.leading))

    @cached_property
    def differences(self) -> tuple[Difference, ...]:
        """The tests of any two candidates of a positive control, on each split and metric."""
        places = dict.fromkeys((metric, split) for metric, _, split in self.columns)
        corrected: list[Difference] = []
        for members in self.candidates.values():
            uncorrected = [
                difference for metric, split in places for difference in self._pairs(metric, split, members)
            ]
            adjusted = stats.holm([difference.p_value for difference in uncorrected])
            corrected += (
                replace(difference, p_value=min(p_value / ORDERS, 1.0))
                for difference, p_value in zip(uncorrected, adjusted, strict=True)
            )
        return tuple(corrected)

    @cached_property
    def _better(self) -> frozenset[tuple[str, str, str, str]]:
        """The pairs that are shown to differ, as metric, split, better and worse system."""
        return frozenset(
            (d.metric, d.split, d.better, d.other if d.better == d.one else d.one)
            for d in self.differences
            if d.better is not None
        )

    def clearly_best(self, metric: str, systems: Sequence[str], split: str) -> str | None:
        """Return the system that is shown to be better than each of the others, if there is one."""
        measured = [name for name in systems if self.columns.get((metric, name, split))]
        for best in measured if len(measured) > 1 else []:
            if all((metric, split, best, other) in self._better for other in measured if other != best):
                return best
        return None

    def paired(
        self, metric: str, first: str, second: str, split: str
    ) -> tuple[stats.FloatArray, stats.FloatArray, list[str]]:
        """Return the values of two systems on the examples of both, and the clusters of these examples."""
        ours, theirs = (self.columns.get((metric, name, split), {}) for name in (first, second))
        shared = [content for content in ours if content in theirs]
        one, other = (np.array([column[content] for content in shared]) for column in (ours, theirs))
        return one, other, [self.clusters[content] for content in shared]

    def _pairs(self, metric: str, split: str, members: Sequence[str]) -> Iterator[Difference]:
        for first, second in combinations(members, 2):
            ours, theirs, clusters = self.paired(metric, first, second, split)
            if clusters:
                measured = find_metric(metric if metric == self.leading else WIN_RATE)
                value, p_value = screened_test(measured, measured.sign * (ours - theirs), clusters)
                yield Difference(metric, split, first, second, value, p_value)


def screened_test(
    measured: Metric, differences: stats.FloatArray, clusters: Sequence[str]
) -> tuple[float, float]:
    """Return the mean of the differences and the p-value of 0; 1 if it can't be significant."""
    error = mean_error(differences, clusters)
    if abs(error.mean) < _UNCLEAR * error.standard_error:
        return error.mean, 1.0
    return error.mean, difference_p_value(measured, differences, clusters)


def values_of(samples: Samples) -> Values:
    """Collect the values of the leading metric and of the judges from all samples.

    The leading metric is left out on splits whose references it can't read. A missing output has the worst
    value.
    """
    leading = find_metric(samples.leading)
    values = Values(leading=leading.name)
    for system in samples.of_role("candidate"):
        values.candidates.setdefault(system.reference or "", []).append(system.name)
    references = {system.name: system.reference for system in samples.systems}
    judged: dict[tuple[str, str], dict[str, None]] = {}
    for sample in samples.samples:
        example = sample.example
        content, split = example.content_id, example.split
        values.clusters[content] = example.instruction
        for name, output in sample.outputs.items():
            if output.score is not None:
                values.columns.setdefault((leading.name, name, split), {})[content] = output.score
            for judge, judgement in output.judgements.items():
                judged.setdefault((name, split), {})[judge] = None
                if judgement.value is not None:
                    column = values.columns.setdefault((judge, name, split), {})
                    column[content] = 100 * judgement.value
    for (name, split), missing in samples.without_output.items():
        positive = values.columns.get((leading.name, references[name] or "", split), {})
        for content in missing if (leading.name, name, split) in values.columns else ():
            values.columns[leading.name, name, split][content] = leading.without_output
            for judge in judged.get((name, split), ()):
                if content in positive:
                    values.columns.setdefault((judge, name, split), {})[content] = 0.0
    for split in samples.splits:
        expected = [s.example.output for s in samples.samples if s.example.split == split]
        values.unread[split] = leading.unread(expected)
        if values.unread[split].too_many:
            for place in [p for p in values.columns if (p[0], p[2]) == (leading.name, split)]:
                del values.columns[place]
    return values


def groups(data: ReportData) -> Mapping[str, str]:
    """Return the positive control of each system, by system; a system without one is its own group."""
    group_of = {row.system: row.system for row in data.rows}
    group_of |= {row.system: row.reference for row in data.rows if row.reference is not None}
    return group_of
