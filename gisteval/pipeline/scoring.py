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
from gisteval.schema import Estimate, Example, Generation, ResultRow, digest, finite

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

BINARY = ("exact_match", "exact_match_pos", "unfinished")
"""Metrics that are 0 or 100 on each example."""

COMPARED = ("rougeL", "rougeL-unicode", "exact_match", "nll")
"""Metrics that are paired with the positive control and have a retention."""


@dataclass(frozen=True, slots=True)
class Scored:
    """One system on one split: per-example values in the order of the split's examples.

    Texts are dropped, so memory stays small: `columns` has an array a metric, `outputs` a digest of
    each output. failures counts the examples that have no output.
    """

    first: Generation
    contents: tuple[str, ...]
    clusters: tuple[str, ...]
    columns: Mapping[str, Floats]
    outputs: tuple[str, ...]
    failures: int


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
    if instruction is not None and kept is not None and generation.compressor not in ("none", "nothing"):
        # Records of before this was written down ask a gist for k slots.
        asked = generation.k if generation.asked is None else generation.asked
        ratios = {"compression_achieved": kept}
        if generation.asked is not None or generation.compressor == "gist":
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
    kept = [example for example in examples if example.content_id in values]
    contents = tuple(example.content_id for example in kept)
    names = set.intersection(*(set(values[content]) for content in contents))
    if len(old_counts) > 1:
        # Records of an older version, which counted the template's tokens otherwise, among new ones.
        names -= {"compression_requested", "compression_achieved"}
    if unread(list(references.values())).too_many:
        names.discard("rougeL")
    columns = {name: np.array([values[content][name] for content in contents]) for name in names}
    return Scored(
        first,
        contents,
        tuple(example.instruction for example in kept),
        columns,
        tuple(outputs[content] for content in contents),
        len(examples) - len(kept),
    )


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


def result_rows(
    scored: Scored, positive: Scored | None, negative: Scored | None, seed: int
) -> list[ResultRow]:
    """All rows of one system and split, compared with its controls where they share the examples."""
    rows = []
    for metric in UNITS:
        if metric == "exact_match_pos":
            rows += _agreement_row(scored, positive)
        elif metric == "compression_ratio_of_means":
            rows += _ratio_of_means_row(scored)
        elif metric == "rougeL-unicode" and _same_values(scored, positive, negative):
            rows.append(replace(rows[-1], metric=metric))  # the intervals are costly
        elif metric in scored.columns:
            rows.append(_metric_row(scored, metric, positive, negative, seed))
    return rows


def _same_values(scored: Scored, positive: Scored | None, negative: Scored | None) -> bool:
    """Whether ROUGE-L on Unicode words is the same as the paper's, as it is on ASCII texts."""
    pair = ("rougeL", "rougeL-unicode")
    parts = [part.columns for part in (scored, positive, negative) if part is not None]
    return all(
        pair[0] in columns and np.array_equal(columns[pair[0]], columns[pair[1]]) for columns in parts
    )


def _metric_row(
    scored: Scored, metric: str, positive: Scored | None, negative: Scored | None, seed: int
) -> ResultRow:
    values = scored.columns[metric]
    comparison: dict[str, float | str | None] = {}
    others = [other for other in (positive, negative) if other is not None]
    comparable = (
        metric in COMPARED
        and len(others) == 2
        and all(other.first.system != scored.first.system for other in others)
        and all(metric in other.columns for other in others)
    )
    if comparable and positive is not None and negative is not None:
        # Examples that all three answered: a failure of one drops the example for the comparison.
        shared = set(scored.contents).intersection(positive.contents, negative.contents)
        if not shared:
            return _row(scored, metric, values, scored.clusters, {})
        ours, upper, lower = (
            part.columns[metric][[content in shared for content in part.contents]]
            for part in (scored, positive, negative)
        )
        clusters = [
            label
            for label, content in zip(scored.clusters, scored.contents, strict=True)
            if content in shared
        ]
        paired = stats.paired_difference(ours, upper, clusters)
        retained = stats.retention(ours, upper, lower, clusters, seed=seed)
        comparison = {
            "reference": positive.first.system,
            "difference": paired.estimate.value,
            "difference_ci_low": finite(paired.estimate.ci_low),
            "difference_ci_high": finite(paired.estimate.ci_high),
            "p_value": finite(paired.p_value_permutation),
            "retention": finite(retained.value),
            "retention_ci_low": finite(retained.ci_low),
            "retention_ci_high": finite(retained.ci_high),
        }
    return _row(scored, metric, values, scored.clusters, comparison)


def _agreement_row(scored: Scored, positive: Scored | None) -> list[ResultRow]:
    """Share of outputs that are equal to the positive control's."""
    if positive is None or positive.first.system == scored.first.system:
        return []
    theirs = dict(zip(positive.contents, positive.outputs, strict=True))
    pairs = [
        (100.0 * (output == theirs[content]), label)
        for content, label, output in zip(scored.contents, scored.clusters, scored.outputs, strict=True)
        if content in theirs
    ]
    if not pairs:
        return []
    values = np.array([equal for equal, _ in pairs])
    labels = [label for _, label in pairs]
    reference: dict[str, float | str | None] = {"reference": positive.first.system}
    return [_row(scored, "exact_match_pos", values, labels, reference)]


def _ratio_of_means_row(scored: Scored) -> list[ResultRow]:
    """Mean instruction tokens over mean kept slots, with the bootstrap interval of that ratio."""
    if "compression_achieved" not in scored.columns:
        return []
    kept = scored.columns["kept_instruction"]
    instruction = scored.columns["source_tokens"] - scored.columns["template_tokens"]
    # retention(a, b, 0) is 100 * mean(a) / mean(b): the same ratio with the same interval.
    estimate = stats.retention(instruction, kept, np.zeros_like(kept), scored.clusters)
    low, high = finite(estimate.ci_low / 100), finite(estimate.ci_high / 100)
    base = _row(scored, "compression_ratio_of_means", kept, scored.clusters, {})
    return [replace(base, value=estimate.value / 100, ci_low=low, ci_high=high)]


def _estimate(metric: str, values: Floats, clusters: list[str]) -> Estimate:
    """The mean with its interval; one of a percentage stays within 0 and 100."""
    found = stats.mean_interval(values, clusters)
    if UNITS[metric] != "percent" or not math.isfinite(found.ci_low):
        return found
    if metric in BINARY:
        return stats.proportion_interval(list(values > 0), clusters)
    return replace(found, ci_low=max(found.ci_low, 0.0), ci_high=min(found.ci_high, 100.0))


def _row(
    scored: Scored,
    metric: str,
    values: Floats,
    clusters: Sequence[str],
    comparison: Mapping[str, float | str | None],
) -> ResultRow:
    estimate = _estimate(metric, values, list(clusters))
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
