"""Rows of a diagnosis: means over examples, clustered by instruction, beside the negative control's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gisteval import stats
from gisteval.metrics.diagnostic import DIAGNOSTIC_METRICS
from gisteval.records.diagnosis import Diagnosed, DiagnosticRow, Observation, State
from gisteval.records.schema import Estimate, finite
from gisteval.scores.comparison import mean_of

LONGEST = 40
"""Characters of an instruction that a finding quotes."""

ValueOf = Callable[[Observation], float | None]
"""The value of an observation, None if it has none."""


@dataclass(frozen=True, slots=True)
class Observed:
    """All observations of one measure.

    Attributes:
        systems: By system, in the order of the tables.
        negatives: The negative control of each system, by name.
    """

    systems: Mapping[str, Sequence[Observation]]
    negatives: Mapping[str, str]

    def groups(self) -> Iterable[list[Observation]]:
        """The observations of each system, split and setting."""
        for observations in self.systems.values():
            found: dict[tuple[str, str], list[Observation]] = {}
            for observation in observations:
                found.setdefault((observation.split, observation.setting), []).append(observation)
            yield from found.values()

    def control_of(self, group: Sequence[Observation]) -> list[Observation] | None:
        """The negative control's observations of the same examples, in their order; None without all."""
        first = group[0]
        control = self.negatives.get(first.system)
        if control is None or control == first.system:
            return None
        wanted = (first.split, first.setting)
        by_content = {
            other.content: other
            for other in self.systems.get(control, ())
            if (other.split, other.setting) == wanted
        }
        if any(observation.content not in by_content for observation in group):
            return None
        return [by_content[observation.content] for observation in group]


@dataclass(frozen=True, slots=True)
class Summary:
    """What the observations of a measure say."""

    rows: tuple[DiagnosticRow, ...]
    findings: tuple[Diagnosed, ...] = ()


def named(metric: str) -> ValueOf:
    """The value of this metric."""
    return lambda observation: observation.values.get(metric)


def mean_row(
    group: Sequence[Observation], metric: str, value_of: ValueOf | None = None, where: str = ""
) -> DiagnosticRow | None:
    """The mean of a metric over a group of one system, split and setting; None without a value."""
    value_of = value_of or named(metric)
    pairs = [(value_of(observation), observation.cluster) for observation in group]
    known = [(value, cluster) for value, cluster in pairs if value is not None]
    if not known:
        return None
    measured = DIAGNOSTIC_METRICS[metric]
    values = np.array([value for value, _ in known])
    estimate = mean_of(measured, values, [cluster for _, cluster in known])
    return row_of(group[0], metric, measured.unit, estimate, where)


def row_of(
    first: Observation, metric: str, unit: str, estimate: Estimate, where: str = ""
) -> DiagnosticRow:
    """A row of an estimate. first: any observation of its group."""
    return DiagnosticRow(
        measure=first.measure,
        split=first.split,
        system=first.system,
        setting=first.setting,
        where=where,
        metric=metric,
        unit=unit,
        value=estimate.value,
        ci_low=finite(estimate.ci_low),
        ci_high=finite(estimate.ci_high),
        n=estimate.n,
        clusters=estimate.clusters,
        reference=first.reference,
    )


def with_control(
    row: DiagnosticRow, group: Sequence[Observation], control: Sequence[Observation] | None
) -> DiagnosticRow:
    """The row beside the negative control's mean, as a share of it."""
    if control is None:
        return row
    ours, theirs = (
        np.array([observation.values[row.metric] for observation in part]) for part in (group, control)
    )
    share = stats.ratio_of_means(ours, theirs, [observation.cluster for observation in group])
    return replace(
        row,
        control=float(theirs.mean()),
        share=_percent(share.value),
        share_ci_low=_percent(share.ci_low),
        share_ci_high=_percent(share.ci_high),
    )


def stated(of: Observation, state: State, text: str, brief: str = "") -> Diagnosed:
    """A finding on the system and split of an observation."""
    return Diagnosed(
        measure=of.measure, system=of.system, split=of.split, state=state, text=text, brief=brief
    )


def quoted(text: str) -> str:
    """An instruction in quotation marks, cut to a length that a sentence can hold."""
    return f"“{text if len(text) <= LONGEST else f'{text[: LONGEST - 1]}…'}”"


def interval(estimate: Estimate) -> str:
    """A loss with its interval, if it has one."""
    low, high = finite(estimate.ci_low), finite(estimate.ci_high)
    return f"{estimate.value:.3f}" + ("" if low is None or high is None else f" [{low:.3f}, {high:.3f}]")


def _percent(share: float) -> float | None:
    known = finite(share)
    return None if known is None else 100.0 * known
