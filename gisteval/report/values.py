"""Values by example, for what intervals of single systems can't say: whether one system is better."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gisteval import stats
from gisteval.metrics import Unread, rouge_tokens
from gisteval.report.data import ReportData
from gisteval.report.samples import Samples

SIGNIFICANT = 0.05

Column = tuple[str, str, str]
"""Metric (a judge's name for its win rate), system and split."""


@dataclass(slots=True)
class Values:
    """In percent, by column and content id; clusters are instructions.

    no_tokens: by split, the references that ROUGE sees no token in.
    """

    columns: dict[Column, dict[str, float]] = field(default_factory=dict)
    clusters: dict[str, str] = field(default_factory=dict)
    no_tokens: dict[str, int] = field(default_factory=dict)

    def clearly_best(self, metric: str, systems: Sequence[str], split: str) -> str | None:
        """The system that is significantly better than each of the others, if there is one.

        Paired cluster-robust t tests on the examples both answered, adjusted by Holm's method.
        """
        found = {name: self.columns.get((metric, name, split), {}) for name in systems}
        found = {name: values for name, values in found.items() if values}
        if len(found) < 2:
            return None
        best = max(found, key=lambda name: sum(found[name].values()) / len(found[name]))
        p_values = []
        for name in found:
            paired = self.compare(metric, best, name, split) if name != best else None
            if name != best and (paired is None or paired.estimate.value <= 0):
                return None
            if paired is not None:
                p_values.append(paired.p_value_t)
        return best if max(stats.holm(p_values)) < SIGNIFICANT else None

    def compare(self, metric: str, one: str, other: str, split: str) -> stats.PairedDifference | None:
        """One system less another on the examples both have a value for; None if there are none."""
        ours, theirs = (self.columns.get((metric, name, split), {}) for name in (one, other))
        shared = [content for content in ours if content in theirs]
        if not shared:
            return None
        return stats.paired_difference(
            [ours[content] for content in shared],
            [theirs[content] for content in shared],
            [self.clusters[content] for content in shared],
            permutations=1,  # only the t test is used
        )


def values_of(samples: Samples) -> Values:
    """ROUGE-L where it reads the references, exact match and judges' values of all samples."""
    values = Values(no_tokens=dict.fromkeys(samples.splits, 0))
    for sample in samples.samples:
        example = sample.example
        content, split = example.content_id, example.split
        values.clusters[content] = example.instruction
        values.no_tokens[split] += not rouge_tokens(example.output)
        for name, output in sample.outputs.items():
            values.columns.setdefault(("rougeL", name, split), {})[content] = output.rouge
            values.columns.setdefault(("exact_match", name, split), {})[content] = 100.0 * output.exact
            for judge, judgement in output.judgements.items():
                if judgement.value is not None:
                    column = values.columns.setdefault((judge, name, split), {})
                    column[content] = 100 * judgement.value
    counts = Counter(sample.example.split for sample in samples.samples)
    blind = {s for s, count in values.no_tokens.items() if Unread(count, counts[s]).too_many}
    for metric, name, split in list(values.columns):
        if metric == "rougeL" and split in blind:
            del values.columns[metric, name, split]
    return values


def groups(data: ReportData) -> Mapping[str, str]:
    """By system, the positive control it is held against; a system without one stands for itself."""
    found = {row.system: row.system for row in data.rows}
    found |= {row.system: row.reference for row in data.rows if row.reference is not None}
    return found
