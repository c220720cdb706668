"""From generations to result rows: per example first, then estimates, pairings and retention."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gisteval import stats
from gisteval.errors import InvalidRun, counted
from gisteval.metrics import exact_match, rouge_l, rouge_l_unicode, unread, word_count
from gisteval.records.schema import Estimate, Example, Generation, ResultRow, digest, finite
from gisteval.registry import compresses, keeps_gists

Floats = NDArray[np.float64]

UNITS = {
    "rougeL": "percent",
    "rougeL-unicode": "percent",
    "exact_match": "percent",
    "exact_match_pos": "percent",
    "nll": "nats per token",
    "length": "words",
    "output_tokens": "tokens",
    "unfinished": "percent",
    "source_tokens": "tokens",
    "template_tokens": "tokens",
    "kept": "slots",
    "kept_instruction": "slots",
    "bytes": "bytes",
    "compression_requested": "ratio",
    "compression_achieved": "ratio",
    "compression_ratio_of_means": "ratio",
}

OF_OUTPUTS = ("unfinished",)
"""Percentages about an output, not of success: an example without one is left out instead of counted 0."""

COMPARED = ("rougeL", "rougeL-unicode", "exact_match", "nll")
"""Metrics that are paired with the positive control and have a retention."""


@dataclass(frozen=True, slots=True)
class Scored:
    """One system on one split: per-example values in the order of the split's examples.

    Texts are dropped, so memory stays small: `columns` has an array a metric, `outputs` a digest of each
    output, None where there is none. Such an example scores 0; what is measured on outputs is NaN there.
    failures counts those examples.
    """

    first: Generation
    contents: tuple[str, ...]
    clusters: tuple[str, ...]
    columns: Mapping[str, Floats]
    outputs: tuple[str | None, ...]
    failures: int

    @property
    def answered(self) -> NDArray[np.bool_]:
        """Which examples have an output."""
        return np.array([output is not None for output in self.outputs])


def values_of(generation: Generation, reference: str) -> dict[str, float]:
    """The metrics of one generation that are known, each in the unit of UNITS."""
    values = {
        "rougeL": 100 * rouge_l(generation.output, reference).f1,
        "rougeL-unicode": 100 * rouge_l_unicode(generation.output, reference).f1,
        "exact_match": 100.0 * exact_match(generation.output, reference),
        "length": float(word_count(generation.output)),
    }
    measured = {
        "output_tokens": generation.output_tokens,
        "unfinished": None if generation.finished is None else 100 * (not generation.finished),
        "source_tokens": generation.source_tokens,
        "template_tokens": generation.template_tokens,
        "kept": generation.kept,
        "bytes": generation.bytes,
        "nll": generation.nll,
    }
    values |= {name: float(value) for name, value in measured.items() if value is not None}
    instruction, kept = instruction_slots(generation)
    if instruction is not None and kept is not None and compresses(generation.compressor):
        # Records of before this was written down ask a gist for k slots.
        asked = generation.k if generation.asked is None else generation.asked
        ratios = {"compression_achieved": kept}
        if generation.asked is not None or keeps_gists(generation.compressor):
            ratios["compression_requested"] = asked
        values["kept_instruction"] = float(kept)
        for name, slots in ratios.items():
            if slots:
                values[name] = instruction / slots
            elif not instruction:
                values[name] = 1.0  # without a token to keep it is as long as it was
    return values


def instruction_slots(generation: Generation) -> tuple[int | None, int | None]:
    """Tokens of the instruction, and slots kept for it, both without the template's; None if not known."""
    source, template, kept = generation.source_tokens, generation.template_tokens, generation.kept
    if source is None or template is None:
        return None, None
    return source - template, None if kept is None else kept - (generation.kept_template or 0)


def collect(
    examples: Sequence[Example], generations: Iterable[Generation], failed: AbstractSet[str]
) -> Scored | None:
    """Line a system's generations up with the split's examples; None if all of them failed.

    failed: content ids of examples known to have no output. ROUGE-L is left out where it can't read the
    references. Raises InvalidRun if others lack an output, or if a loss is not finite.
    """
    wanted = {example.content_id: example for example in examples}
    values: dict[str, dict[str, float]] = {}
    outputs: dict[str, str] = {}
    old_counts: set[bool] = set()
    references: dict[str, str] = {}
    first: Generation | None = None
    for generation in generations:
        example = wanted.get(generation.content)
        if example is not None:
            first = first or generation
            old_counts.add(generation.kept_template is None)
            references[generation.content] = generation.reference_for(example)
            values[generation.content] = values_of(generation, references[generation.content])
            outputs[generation.content] = digest([generation.output.strip()])
            if generation.nll is not None and not math.isfinite(generation.nll):
                raise InvalidRun(
                    f"{generation.system} on {generation.example}: the loss is {generation.nll}: the "
                    "weights are damaged or overflow, try --dtype float32"
                )
    missing = [e for e in examples if e.content_id not in values and e.content_id not in failed]
    if missing:
        where = f"{first.system} on {first.split}" if first else f"split {missing[0].split}"
        count = counted(len(missing), "example has", "examples have")
        raise InvalidRun(f"{where}: {count} no record ({missing[0].id}, ...): run it again")
    if first is None:
        return None
    names = set.intersection(*map(set, values.values()))
    if len(old_counts) > 1:
        # Records of an older version, which counted the template's tokens otherwise, among new ones.
        names -= {"compression_requested", "compression_achieved"}
    if unread(list(references.values())).too_many:
        names.discard("rougeL")
    contents = tuple(example.content_id for example in examples)
    return Scored(
        first,
        contents,
        tuple(example.instruction for example in examples),
        {name: _column(name, contents, values) for name in names},
        tuple(outputs.get(content) for content in contents),
        sum(content not in values for content in contents),
    )


def _column(name: str, contents: Sequence[str], values: Mapping[str, Mapping[str, float]]) -> Floats:
    """A metric in the order of the contents; without an output 0 if it is a score, else NaN."""
    missing = 0.0 if is_score(name) else math.nan
    return np.array([values[content][name] if content in values else missing for content in contents])


def is_score(metric: str) -> bool:
    """Whether a metric grades the answer, in percent: a missing one is then worth 0."""
    return UNITS[metric] == "percent" and metric not in OF_OUTPUTS


def unread_notes(examples: Mapping[str, Sequence[Example]]) -> list[str]:
    """What a report must say of each split with references that ROUGE-L sees no word in."""
    notes = []
    for split, found in examples.items():
        blind = unread([example.output for example in found])
        if blind.count:
            instead = "rougeL-unicode, chrF and exact match read them"
            left_out = "; it is left out" if blind.too_many else ""
            notes.append(f"{split}: {blind}{left_out}: {instead}.")
    return notes


def result_rows(scored: Scored, positive: Scored | None, negative: Scored | None) -> list[ResultRow]:
    """All rows of one system and split, compared with its controls where they share the examples.

    The negative control is held against the positive one, too: whether they lie apart comes before all
    else.
    """
    positive, lower = _other(scored, positive), _other(scored, negative)
    rows = []
    for metric in UNITS:
        if metric == "exact_match_pos":
            rows += _agreement_row(scored, positive)
        elif metric == "compression_ratio_of_means":
            rows += _ratio_of_means_row(scored)
        elif metric == "rougeL-unicode" and _same_values(scored, positive, lower):
            rows.append(replace(rows[-1], metric=metric))  # the intervals are costly
        elif metric in scored.columns:
            rows.append(_metric_row(scored, metric, positive, lower))
    return rows


def _same_values(scored: Scored, positive: Scored | None, negative: Scored | None) -> bool:
    """Whether ROUGE-L on Unicode words is the same as the paper's, as it is on ASCII texts."""
    pair = ("rougeL", "rougeL-unicode")
    parts = [part.columns for part in (scored, positive, negative) if part is not None]
    return all(
        pair[0] in columns and np.array_equal(columns[pair[0]], columns[pair[1]]) for columns in parts
    )


def _metric_row(scored: Scored, metric: str, positive: Scored | None, negative: Scored | None) -> ResultRow:
    upper, lower = (
        None if other is None or metric not in other.columns else other for other in (positive, negative)
    )
    comparison: dict[str, float | str | None] = {}
    if metric in COMPARED and upper is not None:
        comparison |= _difference(scored, metric, upper)
        if comparison and lower is not None:
            comparison |= _retention(scored, metric, upper, lower)
    return _row(scored, metric, scored.columns[metric], scored.clusters, comparison)


def _other(scored: Scored, control: Scored | None) -> Scored | None:
    """A control with its values in the order of a system's examples; None if it is that system.

    An example that the control was not asked counts as one that it has no output for.
    """
    if control is None or control.first.system == scored.first.system:
        return None
    if control.contents == scored.contents:
        return control
    places = {content: place for place, content in enumerate(control.contents)}
    found = [places.get(content) for content in scored.contents]
    columns = {
        name: np.array([math.nan if place is None else column[place] for place in found])
        for name, column in control.columns.items()
    }
    outputs = tuple(None if place is None else control.outputs[place] for place in found)
    return replace(control, contents=scored.contents, columns=columns, outputs=outputs)


def _difference(scored: Scored, metric: str, positive: Scored) -> dict[str, float | str | None]:
    """Less the positive control: its value less the control's, with the tests that claims rest on.

    Where the control has no output its score of 0 makes no system good: there any claim counts the worst.
    """
    differences = scored.columns[metric] - positive.columns[metric]
    known = ~np.isnan(differences)
    if not known.any():
        return {}
    clusters = _labels(scored.clusters, known)
    span = 100.0 if is_score(metric) else None
    zero = np.zeros(int(known.sum()))
    paired = stats.paired_difference(differences[known], zero, clusters, span=span, permutations=1)
    found: dict[str, float | str | None] = {
        "reference": positive.first.system,
        "difference": paired.estimate.value,
        "difference_ci_low": finite(paired.estimate.ci_low),
        "difference_ci_high": finite(paired.estimate.ci_high),
        "p_value": paired.p_value,
    }
    if span is not None:
        held = np.where(positive.answered, differences, math.nan)
        claims = stats.margin_test(held, scored.clusters, span)
        found |= {"p_within": claims.within, "p_worse": claims.worse}
    return found


def _retention(
    scored: Scored, metric: str, positive: Scored, negative: Scored
) -> dict[str, float | str | None]:
    """What is kept of the gap between the controls, and whether they are apart."""
    parts = np.array([part.columns[metric] for part in (scored, positive, negative)])
    known = ~np.isnan(parts).any(axis=0)
    if not known.any():
        return {}
    ours, upper, lower = parts[:, known]
    clusters = _labels(scored.clusters, known)
    percent = is_score(metric)
    retained = stats.retention(ours, upper, lower, clusters, percent=percent)
    # As above: what the negative control has no output for must not tell the controls apart.
    gap = np.where(negative.answered[known], upper - lower, -100.0)
    return {
        "negative": negative.first.system,
        "p_controls": stats.bounded_mean(gap, -100.0, 100.0, clusters).p_at_most(0.0) if percent else None,
        "retention": finite(retained.value),
        "retention_ci_low": finite(retained.ci_low),
        "retention_ci_high": finite(retained.ci_high),
    }


def _labels(clusters: Sequence[str], known: NDArray[np.bool_]) -> list[str]:
    return [label for label, keep in zip(clusters, known, strict=True) if keep]


def _agreement_row(scored: Scored, positive: Scored | None) -> list[ResultRow]:
    """Share of outputs that are equal to the positive control's, among the examples that it answered."""
    if positive is None or not positive.answered.any():
        return []
    answered = positive.answered
    pairs = zip(scored.outputs, positive.outputs, strict=True)
    values = np.array([100.0 * (ours == theirs) for ours, theirs in pairs])[answered]
    reference: dict[str, float | str | None] = {"reference": positive.first.system}
    return [_row(scored, "exact_match_pos", values, _labels(scored.clusters, answered), reference)]


def _ratio_of_means_row(scored: Scored) -> list[ResultRow]:
    """Mean instruction tokens over mean kept slots, with the interval of that ratio."""
    if "compression_achieved" not in scored.columns:
        return []
    known = scored.answered
    clusters = _labels(scored.clusters, known)
    kept = scored.columns["kept_instruction"][known]
    instruction = (scored.columns["source_tokens"] - scored.columns["template_tokens"])[known]
    estimate = stats.ratio_of_means(instruction, kept, clusters)
    base = _row(scored, "compression_ratio_of_means", kept, clusters, {})
    low, high = finite(estimate.ci_low), finite(estimate.ci_high)
    return [replace(base, value=estimate.value, ci_low=low, ci_high=high)]


def _estimate(metric: str, values: Floats, clusters: list[str]) -> Estimate:
    """The mean with its interval, which stays within the metric's range: all of them are 0 or more."""
    if UNITS[metric] == "percent":
        return stats.percent_interval(values, clusters)
    found = stats.mean_interval(values, clusters)
    return replace(found, ci_low=max(found.ci_low, 0.0)) if math.isfinite(found.ci_low) else found


def _row(
    scored: Scored,
    metric: str,
    values: Floats,
    clusters: Sequence[str],
    comparison: Mapping[str, float | str | None],
) -> ResultRow:
    known = ~np.isnan(values)
    estimate = _estimate(metric, values[known], _labels(clusters, known))
    first = scored.first
    return ResultRow(
        task=first.task,
        split=first.split,
        system=first.system,
        condition=first.condition,
        control=first.control,
        compressor=first.compressor,
        k=first.k,
        metric=metric,
        value=estimate.value,
        ci_low=finite(estimate.ci_low),
        ci_high=finite(estimate.ci_high),
        unit=UNITS[metric],
        n=estimate.n,
        clusters=estimate.clusters,
        failures=scored.failures,
        **comparison,  # type: ignore[arg-type]
    )
