"""One value an example and side: scores from the outputs, win rates from the verdicts."""

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
    exact_match,
    metric,
    output_metrics,
)
from gisteval.records.schema import Example, Generation, Verdict
from gisteval.scores.lines import ScoredOutput
from gisteval.stats.samples import FloatArray

BoolArray = npt.NDArray[np.bool_]

WIN_RATE = "win_rate"
"""The metric that verdicts make."""


@dataclass(frozen=True, slots=True)
class JudgeFigures:
    """How a judge got to a side's win rate, as results.json states it. Shares are in percent, without the
    pairs of equal outputs; None where nothing was counted, as for a judge that sees no order.

    reference: the positive control; first_shown, longer: decided comparisons won by the output shown
    first, and by the longer one; flips: pairs whose two comparisons disagree; errors: pairs without an
    answer; cost in dollars, of all comparisons.
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
        """From the one count of a judge's verdicts."""
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
    """One side on one split, in the order of the split's examples.

    values: in the metric's unit, the worst one where there is no output, NaN where there is no answer or
    nothing to be judged against; absent: where there is no output; outputs: by content id; failed: examples
    without an output; exact_matches: outputs equal to the positive control's, in percent, where known;
    unread: the references of it that the metric can't read.
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
        """Mean of the known values."""
        return float(np.nanmean(self.values))


def gate_metric(name: str) -> Metric:
    """A metric that has a value for each example. Raises GistevalError for any other name."""
    found = metric(name)
    if isinstance(found, OutputMetric | ControlMetric) or name == WIN_RATE:
        return found
    raise GistevalError(f"metric {name!r} has no value for each example, so runs can't be paired on it")


def columns_of(
    side: Side, split: str, examples: Sequence[Example], metrics: Sequence[Metric]
) -> tuple[dict[str, FloatArray], dict[str, ScoredOutput]]:
    """A side's values by metric, in the order of the examples, and its outputs by content id.

    An example without an output has the worst value of a metric that grades; NaN stands where nobody knows
    one. A metric that compares with the positive control is left out of a run that has none.

    Raises InvalidRun as `read_outputs` does.
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
                ours, theirs = (_texts(found, examples) for found in (outputs, control))
                columns[wanted.name] = wanted.between(ours, theirs)
    return columns, outputs


def _value(wanted: OutputMetric, output: ScoredOutput | None) -> float:
    return wanted.without_output if output is None else output.values.get(wanted.name, np.nan)


def _texts(outputs: Mapping[str, ScoredOutput], examples: Sequence[Example]) -> list[str | None]:
    """A digest of each output, as `SystemScores` has it."""
    found = (outputs.get(example.content_id) for example in examples)
    return [None if output is None else output.text_digest for output in found]


def score_values(side: Side, split: str, examples: Sequence[Example], wanted: Metric) -> SideValues:
    """A metric of outputs on one side.

    Raises InvalidRun as `read_outputs` does, or if the metric can't read the references or has no value.
    """
    columns, outputs = columns_of(side, split, examples, (wanted,))
    if wanted.name not in columns:
        raise InvalidRun(
            f"{side} has no positive control, and so no {wanted.name}: choose another --metric"
        )
    blind = unread_references(wanted, outputs, examples)
    if blind.too_many:
        others = (
            f"{wanted.stand_in}, chrF or exact_match, which read them" if wanted.stand_in else "another"
        )
        raise InvalidRun(f"split {split}: {blind}: choose --metric {others}")
    absent = _absent(outputs, examples)
    made = {content: output.generation for content, output in outputs.items()}
    return SideValues(columns[wanted.name], absent, made, int(absent.sum()), unread=blind)


def unread_references(
    wanted: Metric, outputs: Mapping[str, ScoredOutput], examples: Sequence[Example]
) -> Unread:
    """The references of a side's outputs that a metric can't read."""
    pairs = ((e, outputs.get(e.content_id)) for e in examples)
    return wanted.unread([e.output if found is None else found.reference for e, found in pairs])


def choose_judge(sides: Sequence[Side], judge: str | None) -> str:
    """The judge whose verdicts are compared: the one named, or the only one of all sides.

    Raises InvalidRun if the sides were not judged by the same one, GistevalError if it must be named.
    """
    judged = {side: side.run.judges_of(side.system) for side in sides if not side.is_positive}
    for side, names in judged.items():
        if not names or (judge is not None and judge not in names):
            wanted = f" --judge {judge}" if judge else ""
            found = f", only by {', '.join(names)}" if names else ""
            raise InvalidRun(
                f"{side} was not judged{' by ' + judge if judge else ''}{found}: "
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
    """A side's win rates against the positive control, by a judge's study of the side's run.

    Raises InvalidRun if a pair was never judged.
    """
    outputs = read_outputs(side.run, side.system, split, examples)
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
    positive = read_outputs(side.run, reference, split, examples)
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
    equal = [exact_match(outputs[e.content_id].output, positive[e.content_id].output) for e in comparable]
    lost = {e.content_id for e in examples if e.content_id in positive and e.content_id not in outputs}
    values = [0.0 if e.content_id in lost else _percent(known.get(e.content_id)) for e in examples]
    return SideValues(
        np.array(values),
        _absent(outputs, examples),
        outputs,
        len(examples) - len(comparable),
        100.0 * sum(equal) / len(equal) if equal else None,
        JudgeFigures.of(study.summaries[side.system, split]),
    )


def check_same_positive(
    candidate: Side, baseline: Side, references: tuple[str, str], split: str, examples: Sequence[Example]
) -> None:
    """Raise InvalidRun unless both positive controls gave the same outputs, whatever they are called."""
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
            f"({different[0].id}, ...): win rates need one opponent, run both with the same control"
        )


def _absent(outputs: Mapping[str, object], examples: Sequence[Example]) -> BoolArray:
    return np.array([e.content_id not in outputs for e in examples])


def _reference(side: Side, split: str, verdicts: Sequence[Verdict]) -> str:
    names = sorted({verdict.reference for verdict in verdicts})
    if len(names) != 1:
        found = f"was judged against {', '.join(names)}" if names else "was never judged"
        raise InvalidRun(f"{side} {found} on {split}: judge it against one positive control")
    return names[0]


def _percent(score: PairScore | None) -> float:
    return np.nan if score is None or score.value is None else 100.0 * score.value
