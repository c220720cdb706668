"""The values of both sides of a comparison: scores of the outputs, or win rates of the verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gisteval.errors import GistevalError, InvalidRun, counted
from gisteval.gate.sides import Side, read_outputs, read_values
from gisteval.judging.pairs import PairScore, pair_scores
from gisteval.judging.study import Study
from gisteval.judging.summary import JudgeSummary
from gisteval.metrics import (
    ControlMetric,
    Metric,
    OutputMetric,
    Unread,
    metric,
    output_metrics,
)
from gisteval.metrics.text import ControlMatch
from gisteval.records.schema import Example, Generation, Verdict
from gisteval.scores.lines import ScoredOutput
from gisteval.stats.samples import FloatArray

BoolArray = npt.NDArray[np.bool_]

WIN_RATE = "win_rate"
"""The name of the metric that is computed from verdicts."""

CONTROL_MATCH = ControlMatch()


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
    """

    values: FloatArray
    absent: BoolArray
    outputs: Mapping[str, Generation]
    failed: int
    exact_matches: float | None = None
    judge: JudgeFigures | None = None
    unread: Unread | None = None

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
    if isinstance(measured, OutputMetric | ControlMetric) or name == WIN_RATE:
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
        InvalidRun: As in `read_outputs`.
    """
    outputs = read_values(side.run, side.system, split, examples, output_metrics(metrics))
    columns: dict[str, FloatArray] = {}
    for wanted in metrics:
        if isinstance(wanted, OutputMetric):
            columns[wanted.name] = np.array([_value(wanted, outputs.get(e.content_id)) for e in examples])
        elif isinstance(wanted, ControlMetric):
            reference = side.run.references.get(side.system)
            if reference is not None:
                control = read_values(side.run, reference, split, examples, ())
                ours, theirs = (_texts(side_outputs, examples) for side_outputs in (outputs, control))
                columns[wanted.name] = wanted.between(ours, theirs)
    return columns, outputs


def _value(wanted: OutputMetric, output: ScoredOutput | None) -> float:
    return wanted.without_output if output is None else output.values.get(wanted.name, np.nan)


def _texts(outputs: Mapping[str, ScoredOutput], examples: Sequence[Example]) -> list[str | None]:
    """Return a digest of each output, as in `SystemScores`."""
    scored = (outputs.get(example.content_id) for example in examples)
    return [None if output is None else output.text_digest for output in scored]


def score_values(side: Side, split: str, examples: Sequence[Example], wanted: Metric) -> SideValues:
    """Read one side's values of a metric of outputs.

    Raises:
        InvalidRun: As in `read_outputs`, or the metric can't read the references or has no value here.
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
    absent = _absent(outputs, examples)
    generations = {content: output.generation for content, output in outputs.items()}
    return SideValues(columns[wanted.name], absent, generations, int(absent.sum()), unread=blind)


def unread_references(
    wanted: Metric, outputs: Mapping[str, ScoredOutput], examples: Sequence[Example]
) -> Unread:
    """Count the references of a side's outputs that a metric can't read."""
    pairs = ((e, outputs.get(e.content_id)) for e in examples)
    return wanted.unread([e.output if output is None else output.reference for e, output in pairs])


def choose_judge(sides: Sequence[Side], judge: str | None) -> str:
    """Choose the judge whose verdicts are compared: the one named, or the only one of all sides.

    Raises:
        InvalidRun: The sides were not judged by the same judge.
        GistevalError: Several judges are possible, so one must be named.
    """
    judged = {side: side.run.judges_of(side.system) for side in sides if not side.is_positive}
    for side, names in judged.items():
        if not names or (judge is not None and judge not in names):
            wanted = f" --judge {judge}" if judge else ""
            others = f", only by {', '.join(names)}" if names else ""
            raise InvalidRun(
                f"{side} was not judged{' by ' + judge if judge else ''}{others}: "
                f"gisteval judge {side.run.path}{wanted}"
            )
    if judge is not None or not judged:
        return judge or "none"
    shared = sorted(set.intersection(*map(set, judged.values())))
    if not shared:
        listed = " and ".join(", ".join(names) for names in judged.values())
        raise InvalidRun(f"the runs have verdicts of different judges ({listed}): judge both by one")
    if len(shared) > 1:
        raise GistevalError(f"several judges judged both runs: name one with --judge: {', '.join(shared)}")
    return shared[0]


def win_rate_values(side: Side, split: str, examples: Sequence[Example], study: Study) -> SideValues:
    """Read a side's win rates against the positive control from the judge's verdicts in the side's run.

    Raises:
        InvalidRun: A pair was never judged, or the pairs have different opponents.
    """
    scored = read_values(side.run, side.system, split, examples, ())
    outputs = {content: output.generation for content, output in scored.items()}
    if side.is_positive:
        absent = _absent(outputs, examples)
        count = int((~absent).sum())
        figures = JudgeFigures(side.system, ties=count)
        return SideValues(
            np.where(absent, 0.0, 50.0), absent, outputs, len(examples) - count, 100.0, figures
        )
    judge = study.judge
    verdicts = [v for v in side.run.read_verdicts(judge, side.system, split) if v.purpose == "main"]
    reference = _reference(side, split, verdicts)
    positive = read_values(side.run, reference, split, examples, ())
    comparable = [e for e in examples if e.content_id in outputs and e.content_id in positive]
    scores = pair_scores(verdicts)
    unjudged = [e for e in comparable if e.content_id not in scores]
    if unjudged:
        never = counted(len(unjudged), f"pair of {split} was", f"pairs of {split} were")
        raise InvalidRun(
            f"{side}: {never} never judged by {judge} "
            f"({unjudged[0].id}, ...): gisteval judge {side.run.path} --judge {judge}"
        )
    known = {e.content_id: scores[e.content_id] for e in comparable}
    equal = CONTROL_MATCH.between(_texts(scored, comparable), _texts(positive, comparable))
    lost = {e.content_id for e in examples if e.content_id in positive and e.content_id not in outputs}
    values = [0.0 if e.content_id in lost else _percent(known.get(e.content_id)) for e in examples]
    return SideValues(
        np.array(values),
        _absent(outputs, examples),
        outputs,
        len(examples) - len(comparable),
        float(equal.mean()) if comparable else None,
        JudgeFigures.of(study.summaries[side.system, split]),
    )


def check_same_positive(
    candidate: Side, baseline: Side, references: tuple[str, str], split: str, examples: Sequence[Example]
) -> None:
    """Check that both positive controls gave the same outputs. Their names may differ.

    Raises:
        InvalidRun: Outputs differ, so the two win rates have different opponents.
    """
    ours, theirs = (
        read_outputs(side.run, name, split, examples)
        for side, name in zip((candidate, baseline), references, strict=True)
    )
    different = [
        e
        for e in examples
        if (e.content_id in ours) != (e.content_id in theirs)
        or (e.content_id in ours and ours[e.content_id].output != theirs[e.content_id].output)
    ]
    if different:
        raise InvalidRun(
            f"split {split}: the positive controls {references[0]} of {candidate.run.path} and "
            f"{references[1]} of {baseline.run.path} differ in {len(different)} of {len(examples)} outputs "
            f"({different[0].id}, ...): win rates are comparable only against the same outputs, so run "
            "both with the same control"
        )


def _absent(outputs: Mapping[str, object], examples: Sequence[Example]) -> BoolArray:
    return np.array([e.content_id not in outputs for e in examples])


def _reference(side: Side, split: str, verdicts: Sequence[Verdict]) -> str:
    names = sorted({verdict.reference for verdict in verdicts})
    if len(names) != 1:
        problem = f"was judged against {', '.join(names)}" if names else "was never judged"
        raise InvalidRun(f"{side} {problem} on {split}: judge it against one positive control")
    return names[0]


def _percent(score: PairScore | None) -> float:
    return np.nan if score is None or score.value is None else 100.0 * score.value
