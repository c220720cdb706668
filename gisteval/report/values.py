"""Values by example, for what intervals of single systems can't say: whether one system is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gisteval import stats
from gisteval.judging.pairs import pair_scores
from gisteval.metrics import exact_match, rouge_l, rouge_tokens
from gisteval.report.data import ReportData, RunData
from gisteval.schema import Verdict

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
        for name, values in found.items():
            shared = [content for content in found[best] if content in values]
            if name == best:
                continue
            if not shared:
                return None
            paired = stats.paired_difference(
                [found[best][content] for content in shared],
                [values[content] for content in shared],
                [self.clusters[content] for content in shared],
                permutations=1,  # its p-value is not used
            )
            if paired.estimate.value <= 0:
                return None
            p_values.append(paired.p_value_t)
        return best if max(stats.holm(p_values)) < SIGNIFICANT else None


def read_values(data: ReportData) -> Values:
    """ROUGE-L, exact match and judges' values of all runs. Raises GistevalError for damaged records."""
    values = Values()
    for run in data.runs:
        _read_run(run, values)
    return values


def _read_run(run: RunData, values: Values) -> None:
    looks: dict[Column, list[Verdict]] = {}
    for verdict in run.folder.all_verdicts():
        if verdict.purpose == "main":
            name = run.names.get(verdict.system, verdict.system)
            looks.setdefault((verdict.judge, name, verdict.split), []).append(verdict)
    for column, verdicts in looks.items():
        scores = pair_scores(verdicts).items()
        values.columns[column] = {pair: 100 * s.value for pair, s in scores if s.value is not None}
    for split in run.folder.splits:
        examples = {example.content_id: example for example in run.folder.examples(split)}
        values.clusters |= {content: example.instruction for content, example in examples.items()}
        values.no_tokens[split] = sum(not rouge_tokens(example.output) for example in examples.values())
        for own, name in run.names.items():
            for generation in run.folder.read_generations(own, split):
                example = examples.get(generation.content)
                if example is not None:
                    rouge = 100 * rouge_l(generation.output, example.output).f1
                    equal = 100.0 * exact_match(generation.output, example.output)
                    values.columns.setdefault(("rougeL", name, split), {})[generation.content] = rouge
                    values.columns.setdefault(("exact_match", name, split), {})[generation.content] = equal


def groups(data: ReportData) -> Mapping[str, str]:
    """By system, the positive control it is held against; a system without one stands for itself."""
    found = {row.system: row.system for row in data.rows}
    found |= {row.system: row.reference for row in data.rows if row.reference is not None}
    return found
