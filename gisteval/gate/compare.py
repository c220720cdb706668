"""`gisteval compare`: paired differences of two systems on every metric, and what changed most."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from gisteval import stats
from gisteval.errors import GistevalError
from gisteval.gate.measures import SCORES, check_same_positive, unread_references, win_rate_values
from gisteval.gate.sides import Side, read_outputs, shared_examples, shared_splits
from gisteval.gate.trust import JudgeStudies, judge_studies
from gisteval.metrics import exact_match, word_count
from gisteval.records.schema import Example, Generation, finite
from gisteval.stats.samples import FloatArray

OF_OUTPUTS = ("rougeL", "exact_match", "length", "nll")
"""Metrics of one generation; nll in nats a token, length in words, the others in percent."""

READS_ALL = "rougeL-unicode"
"""What stands in for ROUGE-L where that can't read the references."""


@dataclass(frozen=True, slots=True)
class MetricDifference:
    """First minus second on one metric and split, over the examples both have a value for.

    An example without an output counts 0 in scores, as it does in a run's results. The 95% interval is
    clustered by instruction, that of `stats.bounded` for percentages and of `stats.intervals` for lengths
    and losses; p_value by the same method, p_holm the same adjusted for all rows of the comparison.
    higher, equal and lower count examples by the sign of it. doubt: why nothing may rest on it, of a judge
    that can't be relied on; else empty.
    """

    split: str
    metric: str
    first: float
    second: float
    difference: float
    ci_low: float | None
    ci_high: float | None
    p_value: float
    p_holm: float
    higher: int
    equal: int
    lower: int
    n: int
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One example whose ROUGE-L (percent) differs most."""

    split: str
    example: str
    instruction: str
    input: str
    reference: str
    first: str
    second: str
    difference: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two systems on all splits that their runs share.

    left_out: metrics that could not be compared. vetoes: a line for each judge that is under veto.
    """

    first: Side
    second: Side
    differences: tuple[MetricDifference, ...]
    changes: tuple[Change, ...]
    left_out: tuple[str, ...]
    vetoes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain form."""
        return {
            "first": {"run": str(self.first.run.path), "system": self.first.system},
            "second": {"run": str(self.second.run.path), "system": self.second.system},
            "differences": [asdict(row) for row in self.differences],
            "changes": [asdict(change) for change in self.changes],
            "left_out": list(self.left_out),
            "vetoes": list(self.vetoes),
        }


def compare(first: Side, second: Side, splits: Sequence[str] = (), changed: int = 5) -> Comparison:
    """Compare two systems; `changed` examples a split are shown.

    Raises InvalidRun if the runs don't share their examples, or if one of them is unfinished.
    """
    rows: list[MetricDifference] = []
    changes: list[Change] = []
    left_out: list[str] = []
    shared = shared_splits(first, second, splits)
    benches = _benches(first, second)
    for split in shared:
        examples = shared_examples(first, second, split)
        ours, theirs = (read_outputs(s.run, s.system, split, examples) for s in (first, second))
        blind = max((unread_references(side, examples) for side in (ours, theirs)), key=lambda b: b.count)
        rouge = READS_ALL if blind.too_many else "rougeL"
        if blind.too_many:
            left_out.append(f"rougeL on {split}: {blind}; {READS_ALL} is shown instead")
        columns = _output_columns(ours, theirs, examples, (rouge, *OF_OUTPUTS[1:]))
        columns |= _agreement(first, second, ours, theirs, split, examples)
        judged = _win_rates(first, second, split, examples, benches, left_out)
        rows += [row for name, pair in columns.items() for row in _difference(split, name, *pair, examples)]
        for judge, pair in judged.items():
            doubt = benches[judge].veto((first, second), [split]) or benches[judge].doubt
            found = _difference(split, f"win_rate ({judge})", *pair, examples)
            rows += [replace(row, doubt=doubt) for row in found]
        changes += _most_changed(split, columns[rouge], examples, ours, theirs, changed)
    adjusted = stats.holm([row.p_value for row in rows])
    rows = [replace(row, p_holm=p) for row, p in zip(rows, adjusted, strict=True)]
    vetoes = filter(None, (bench.veto((first, second), shared) for bench in benches.values()))
    return Comparison(
        first, second, tuple(rows), tuple(changes), tuple(dict.fromkeys(left_out)), tuple(vetoes)
    )


def _benches(first: Side, second: Side) -> dict[str, JudgeStudies]:
    """Every judge of both systems."""
    theirs = second.run.judges_of(second.system)
    names = [name for name in first.run.judges_of(first.system) if name in theirs]
    return {name: judge_studies((first, second), name) for name in names}


Columns = dict[str, tuple[FloatArray, FloatArray]]
"""Values of both sides by metric, in the order of the examples; NaN where there is none."""


def _output_columns(
    ours: Mapping[str, Generation],
    theirs: Mapping[str, Generation],
    examples: Sequence[Example],
    metrics: Sequence[str],
) -> Columns:
    def column(outputs: Mapping[str, Generation], metric: str) -> FloatArray:
        found = (outputs.get(example.content_id) for example in examples)
        pairs = zip(found, examples, strict=True)
        missing = 0.0 if metric in SCORES else np.nan
        return np.array([missing if g is None else _value(metric, g, e) for g, e in pairs])

    return {metric: (column(ours, metric), column(theirs, metric)) for metric in metrics}


def _value(metric: str, generation: Generation, example: Example) -> float:
    if metric == "length":
        return float(word_count(generation.output))
    if metric == "nll":
        return math.nan if generation.nll is None else generation.nll
    return SCORES[metric](generation.output, generation.reference_for(example))


def _agreement(
    first: Side,
    second: Side,
    ours: Mapping[str, Generation],
    theirs: Mapping[str, Generation],
    split: str,
    examples: Sequence[Example],
) -> Columns:
    """Share of outputs equal to the positive control's, each against its own."""
    sides: list[FloatArray] = []
    for side, outputs in ((first, ours), (second, theirs)):
        reference = side.run.references.get(side.system)
        if reference is None or side.is_positive:
            return {}
        positive = read_outputs(side.run, reference, split, examples)
        sides.append(
            np.array(
                [
                    np.nan
                    if e.content_id not in positive
                    else 0.0
                    if e.content_id not in outputs
                    else 100.0 * exact_match(outputs[e.content_id].output, positive[e.content_id].output)
                    for e in examples
                ]
            )
        )
    return {"exact_match_pos": (sides[0], sides[1])}


def _win_rates(
    first: Side,
    second: Side,
    split: str,
    examples: Sequence[Example],
    benches: Mapping[str, JudgeStudies],
    left_out: list[str],
) -> Columns:
    """Win rates by judge; what can't be compared goes to left_out with the reason."""
    found: Columns = {}
    for judge, bench in benches.items():
        try:
            ours, theirs = (win_rate_values(s, split, examples, bench.study(s)) for s in (first, second))
            if ours.judge and theirs.judge:
                opponents = (ours.judge.reference, theirs.judge.reference)
                check_same_positive(first, second, opponents, split, examples)
        except GistevalError as error:
            left_out.append(f"win_rate ({judge}) on {split}: {error}")
        else:
            found[judge] = (ours.values, theirs.values)
    return found


def _difference(
    split: str, metric: str, ours: FloatArray, theirs: FloatArray, examples: Sequence[Example]
) -> list[MetricDifference]:
    known = ~np.isnan(ours) & ~np.isnan(theirs)
    if not known.any():
        return []
    labels = [e.instruction for e, keep in zip(examples, known, strict=True) if keep]
    span = None if metric in ("length", "nll") else 100.0
    paired = stats.paired_difference(ours[known], theirs[known], labels, span=span, permutations=1)
    return [
        MetricDifference(
            split=split,
            metric=metric,
            first=float(ours[known].mean()),
            second=float(theirs[known].mean()),
            difference=paired.estimate.value,
            ci_low=finite(paired.estimate.ci_low),
            ci_high=finite(paired.estimate.ci_high),
            p_value=paired.p_value,
            p_holm=paired.p_value,
            higher=paired.wins,
            equal=paired.ties,
            lower=paired.losses,
            n=paired.estimate.n,
        )
    ]


def _text(outputs: Mapping[str, Generation], example: Example) -> str:
    found = outputs.get(example.content_id)
    return "(no output)" if found is None else found.output


def _most_changed(
    split: str,
    pair: tuple[FloatArray, FloatArray],
    examples: Sequence[Example],
    ours: Mapping[str, Generation],
    theirs: Mapping[str, Generation],
    changed: int,
) -> list[Change]:
    difference = pair[0] - pair[1]
    size = np.abs(np.nan_to_num(difference))
    order = [i for i in np.argsort(-size, kind="stable")[:changed] if size[i] > 0.0]
    return [
        Change(
            split=split,
            example=examples[i].id,
            instruction=examples[i].instruction,
            input=examples[i].input,
            reference=examples[i].output,
            first=_text(ours, examples[i]),
            second=_text(theirs, examples[i]),
            difference=float(difference[i]),
        )
        for i in order
    ]
