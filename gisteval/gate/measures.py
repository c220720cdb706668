"""The values of one side of a comparison, by a metric of its outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gisteval.errors import GistevalError, InvalidRun
from gisteval.gate.sides import Side, read_values
from gisteval.judging.summary import JudgeSummary
from gisteval.metrics import (
    ControlMetric,
    Metric,
    Unread,
    metric,
)
from gisteval.metrics.base import ExampleMetric, OutputMetric, Texts
from gisteval.records.schema import Example, Generation
from gisteval.scores.lines import ScoredOutput
from gisteval.stats.samples import FloatArray

BoolArray = npt.NDArray[np.bool_]

WIN_RATE = "win_rate"
"""The name of the metric that is computed from verdicts."""


@dataclass(frozen=True, slots=True)
class JudgeFigures:
    """A judge's figures behind the win rate of one side, as in results.json.

    Shares are in percent, without the pairs of equal outputs. A share is None if nothing was counted, as
    for a judge that sees no order.

    Attributes:
        reference: The positive control.
        wins: The number of pairs won.
        ties: The number of pairs tied.
        losses: The number of pairs lost.
        first_shown: The share of decided comparisons that the output shown first won.
        longer: The share of decided comparisons that the longer output won.
        flips: The share of pairs whose two comparisons, one per order, disagree.
        errors: The number of pairs without an answer.
        cost: The cost of all comparisons, in dollars.
    """

    reference: str
    wins: int = 0
    ties: int = 0
    losses: int = 0
    first_shown: float | None = None
    longer: float | None = None
    flips: float | None = None
    errors: int = 0
    cost: float = 0.0

    @classmethod
    def of(cls, judged: JudgeSummary) -> JudgeFigures:
        """Take the figures from the summary of a judge's verdicts."""
        noise, rate = judged.noise, judged.rate
        return cls(
            reference=judged.matchup.reference,
            wins=rate.wins if rate else 0,
            ties=rate.ties if rate else 0,
            losses=rate.losses if rate else 0,
            first_shown=noise.first_shown.value if noise.first_shown else None,
            longer=noise.longer.value if noise.longer else None,
            flips=noise.flips.value if noise.flips else None,
            errors=rate.missing if rate else judged.pairs,
            cost=judged.cost,
        )


@dataclass(frozen=True, slots=True)
class SideValues:
    """The values of one side on one split, in the order of the split's examples.

    Attributes:
        values: In the metric's unit, shape (n,). Without an output it is the worst value. NaN means that
            there is no answer, or no output of the positive control.
        absent: Which examples have no output, shape (n,).
        outputs: The records, by content id.
        failed: The number of examples without an output, or for win rates without a pair to judge.
        exact_matches: The share of outputs that equal the positive control's, in percent; None if unknown.
        judge: The judge's figures, for win rates.
        unread: The references that the metric can't read.
        unseen: Where no verdict was asked for yet, shape (n,); None if all were, or none is needed.
        repeats: The value of each of several answers to the examples, shape (n, K), NaN where unknown.
    """

    values: FloatArray
    absent: BoolArray
    outputs: Mapping[str, Generation]
    failed: int
    exact_matches: float | None = None
    judge: JudgeFigures | None = None
    unread: Unread | None = None
    unseen: BoolArray | None = None
    repeats: FloatArray | None = None

    @property
    def mean(self) -> float:
        """The mean of the known values."""
        return float(np.nanmean(self.values))


def gate_metric(name: str) -> Metric:
    """Return a metric that has a value for each example.

    Raises:
        GistevalError: The name is unknown, or the metric has no such values.
    """
    measured = metric(name)
    if isinstance(measured, ExampleMetric | ControlMetric) or name == WIN_RATE:
        return measured
    raise GistevalError(f"metric {name!r} has no value for each example, so it can't pair two runs")


def columns_of(
    side: Side, split: str, examples: Sequence[Example], metrics: Sequence[Metric]
) -> tuple[dict[str, FloatArray], dict[str, ScoredOutput]]:
    """Read a side's values of several metrics.

    An example without an output has the worst value of a metric that grades. Unknown values are NaN. A
    metric that compares with the positive control is left out if the run has none.

    Returns:
        The values of each metric in the order of the examples, shape (n,), by the metric's name, and the
        outputs by content id.

    Raises:
        InvalidRun: As in `read_values`.
    """
    outputs = read_values(side.run, side.system, split, examples, metrics)
    columns: dict[str, FloatArray] = {}
    for wanted in metrics:
        if isinstance(wanted, ExampleMetric):
            columns[wanted.name] = np.array(
                [_value(wanted, e, outputs.get(e.content_id)) for e in examples]
            )
        elif isinstance(wanted, ControlMetric):
            reference = side.run.references.get(side.system)
            if reference is not None:
                control = read_values(side.run, reference, split, examples, ())
                ours, theirs = (text_digests(side_outputs, examples) for side_outputs in (outputs, control))
                columns[wanted.name] = wanted.between_samples(ours, theirs)
    return columns, outputs


def _value(wanted: ExampleMetric, example: Example, output: ScoredOutput | None) -> float:
    if not wanted.applies_to(example):
        return np.nan
    return wanted.without_output if output is None else output.values.get(wanted.name, np.nan)


def text_digests(outputs: Mapping[str, ScoredOutput], examples: Sequence[Example]) -> list[Texts]:
    """Return the digests of each example's outputs, as in `SystemScores`."""
    scored = (outputs.get(example.content_id) for example in examples)
    return [() if output is None else output.texts for output in scored]


def score_values(side: Side, split: str, examples: Sequence[Example], wanted: Metric) -> SideValues:
    """Read one side's values of a metric of outputs.

    Raises:
        InvalidRun: As in `read_values`, or the metric can't read the references or has no value here.
    """
    columns, outputs = columns_of(side, split, examples, (wanted,))
    if wanted.name not in columns:
        raise InvalidRun(
            f"{side} has no positive control, so it has no {wanted.name}: choose another --metric"
        )
    blind = unread_references(wanted, outputs, examples)
    if blind.too_many:
        others = (
            f"{wanted.stand_in}, chrF or exact_match, which read them" if wanted.stand_in else "another"
        )
        raise InvalidRun(f"split {split}: {blind}: choose --metric {others}")
    absent = absent_outputs(outputs, examples)
    generations = {content: output.generation for content, output in outputs.items()}
    repeats = _repeats(wanted, outputs, examples)
    failed = int(absent.sum())
    return SideValues(columns[wanted.name], absent, generations, failed, unread=blind, repeats=repeats)


def _repeats(
    wanted: Metric, outputs: Mapping[str, ScoredOutput], examples: Sequence[Example]
) -> FloatArray | None:
    """Return each answer's value, shape (n, K), where the examples have several; NaN where unknown."""
    drawn = max((len(output.samples) for output in outputs.values()), default=0)
    if drawn < 2 or not isinstance(wanted, OutputMetric):
        return None
    rows = [outputs[e.content_id].samples if e.content_id in outputs else (None,) * drawn for e in examples]
    return np.array(
        [[np.nan if one is None else one.values.get(wanted.name, np.nan) for one in row] for row in rows]
    )


def unread_references(
    wanted: Metric, outputs: Mapping[str, ScoredOutput], examples: Sequence[Example]
) -> Unread:
    """Count the references of a side's outputs that a metric can't read."""
    pairs = ((e, outputs.get(e.content_id)) for e in examples)
    return wanted.unread([e.output if output is None else output.reference for e, output in pairs])


def absent_outputs(outputs: Mapping[str, object], examples: Sequence[Example]) -> BoolArray:
    """Say which examples have no output, shape (n,)."""
    return np.array([e.content_id not in outputs for e in examples])
