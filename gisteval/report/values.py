"""Values by example, for what intervals of single systems can't say: whether one system is better."""

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
"""The leading metric or a judge (of its win rate), system and split."""

WIN_RATE = "win_rate"

_UNCLEAR = 1.5
"""Standard errors below which a difference isn't tested: no correction leaves it significant."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One candidate less another, on the examples both have a value for; positive where the one is better.

    p_value: of no difference, corrected for all pairs of candidates, splits and metrics beside one control.
    """

    metric: str
    split: str
    one: str
    other: str
    value: float
    p_value: float

    @property
    def better(self) -> str | None:
        """The one that is shown to be better, if any."""
        if self.p_value > LEVEL:
            return None
        return self.one if self.value > 0 else self.other


@dataclass
class Values:
    """By column and content id; clusters are instructions.

    unread: by split, the references that the leading metric can't read. candidates: those of one positive
    control, by its name. leading: the name of the leading metric; all other columns are judges'.
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
        """Every two candidates of a positive control, on every split and metric, tested together."""
        places = dict.fromkeys((metric, split) for metric, _, split in self.columns)
        corrected: list[Difference] = []
        for members in self.candidates.values():
            found = [
                difference for metric, split in places for difference in self._pairs(metric, split, members)
            ]
            adjusted = stats.holm([difference.p_value for difference in found])
            corrected += (
                replace(difference, p_value=min(p_value / ORDERS, 1.0))
                for difference, p_value in zip(found, adjusted, strict=True)
            )
        return tuple(corrected)

    @cached_property
    def _better(self) -> frozenset[tuple[str, str, str, str]]:
        """Metric, split, the better and the worse of all pairs that are shown to differ."""
        return frozenset(
            (d.metric, d.split, d.better, d.other if d.better == d.one else d.one)
            for d in self.differences
            if d.better is not None
        )

    def clearly_best(self, metric: str, systems: Sequence[str], split: str) -> str | None:
        """The system that is shown to be better than each of the others, if there is one."""
        found = [name for name in systems if self.columns.get((metric, name, split))]
        for best in found if len(found) > 1 else []:
            if all((metric, split, best, other) in self._better for other in found if other != best):
                return best
        return None

    def _pairs(self, metric: str, split: str, members: Sequence[str]) -> Iterator[Difference]:
        for one, other in combinations(members, 2):
            ours, theirs = (self.columns.get((metric, name, split), {}) for name in (one, other))
            shared = [content for content in ours if content in theirs]
            if shared:
                measured = find_metric(metric if metric == self.leading else WIN_RATE)
                values = np.array([ours[content] - theirs[content] for content in shared])
                labels = [self.clusters[content] for content in shared]
                value, p_value = _test(measured, measured.sign * values, labels)
                yield Difference(metric, split, one, other, value, p_value)


def _test(measured: Metric, differences: stats.FloatArray, clusters: Sequence[str]) -> tuple[float, float]:
    """The mean of some differences and the p-value of 0; 1 where it is not worth a test."""
    error = mean_error(differences, clusters)
    if abs(error.mean) < _UNCLEAR * error.standard_error:
        return error.mean, 1.0
    return error.mean, difference_p_value(measured, differences, clusters)


def values_of(samples: Samples) -> Values:
    """The leading metric where it reads the references, and judges' values of all samples.

    An output that is missing has the worst value.
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
    """By system, the positive control it is held against; a system without one stands for itself."""
    found = {row.system: row.system for row in data.rows}
    found |= {row.system: row.reference for row in data.rows if row.reference is not None}
    return found
