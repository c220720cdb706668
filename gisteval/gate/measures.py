"""One value an example and side: scores from the outputs, win rates from the verdicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gisteval.errors import GistevalError, InvalidRun, counted
from gisteval.gate.sides import Side, read_outputs
from gisteval.judging.pairs import PairScore, pair_scores
from gisteval.judging.study import Study
from gisteval.judging.summary import JudgeSummary
from gisteval.metrics import Unread, chrf, exact_match, rouge_l, rouge_l_unicode, unread
from gisteval.records.schema import Example, Generation, Verdict
from gisteval.stats.samples import FloatArray

BoolArray = npt.NDArray[np.bool_]

SCORES: dict[str, Callable[[str, str], float]] = {
    "rougeL": lambda output, reference: 100.0 * rouge_l(output, reference).f1,
    "exact_match": lambda output, reference: 100.0 * exact_match(output, reference),
    "rougeL-unicode": lambda output, reference: 100.0 * rouge_l_unicode(output, reference).f1,
    "chrF": chrf,
}
"""Metrics of an output and its reference, in percent."""

METRICS = ("win_rate", *SCORES)


@dataclass(frozen=True, slots=True)
class JudgeFigures:
    """How a judge got to a side's win rate, as results.json states it. Shares are in percent, without the
    pairs of equal outputs; None where nothing was counted, as for a judge that sees no order.

    reference: the positive control; first_shown, longer: decisive looks won by the output shown first, and
    by the longer one; flips: pairs whose two looks disagree; errors: pairs without an answer; cost in
    dollars, of all looks.
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

    values: percent, 0 where there is no output, NaN where there is no answer or nothing to be judged
    against; absent: where there is no output; outputs: by content id; failed: examples without an output;
    exact_matches: outputs equal to the positive control's, in percent, where known;
    unread: the references of it that ROUGE-L sees no token in, if that is the metric.
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
        """Mean of the known values, in percent."""
        return float(np.nanmean(self.values))


def score_values(side: Side, split: str, examples: Sequence[Example], metric: str) -> SideValues:
    """A metric of SCORES on one side.

    Raises InvalidRun as `read_outputs` does, and if the metric can't read the references.
    """
    outputs = read_outputs(side.run, side.system, split, examples)
    blind = unread_references(outputs, examples) if metric == "rougeL" else None
    if blind is not None and blind.too_many:
        raise InvalidRun(
            f"split {split}: {blind}: choose --metric rougeL-unicode, chrF or exact_match, which read them"
        )
    score = SCORES[metric]
    values = np.array(
        [
            0.0
            if (found := outputs.get(e.content_id)) is None
            else score(found.output, found.reference_for(e))
            for e in examples
        ]
    )
    absent = _absent(outputs, examples)
    return SideValues(values, absent, outputs, int(absent.sum()), unread=blind)


def unread_references(outputs: Mapping[str, Generation], examples: Sequence[Example]) -> Unread:
    """The references of a side's outputs that ROUGE-L sees no token in."""
    pairs = ((e, outputs.get(e.content_id)) for e in examples)
    return unread([e.output if found is None else found.reference_for(e) for e, found in pairs])


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


def _absent(outputs: Mapping[str, Generation], examples: Sequence[Example]) -> BoolArray:
    return np.array([e.content_id not in outputs for e in examples])


def _reference(side: Side, split: str, verdicts: Sequence[Verdict]) -> str:
    names = sorted({verdict.reference for verdict in verdicts})
    if len(names) != 1:
        found = f"was judged against {', '.join(names)}" if names else "was never judged"
        raise InvalidRun(f"{side} {found} on {split}: judge it against one positive control")
    return names[0]


def _percent(score: PairScore | None) -> float:
    return np.nan if score is None or score.value is None else 100.0 * score.value
