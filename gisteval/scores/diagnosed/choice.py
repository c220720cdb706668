"""Is k right? The smallest number of gists that does as well as the best one, from the losses of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gisteval.metrics.diagnostic import DIAGNOSTIC_METRICS
from gisteval.records.diagnosis import Diagnosed, DiagnosticRow, Observation
from gisteval.records.schema import finite
from gisteval.scores.comparison import mean_of
from gisteval.scores.diagnosed.rows import Summary, quoted
from gisteval.stats.intervals import FEWEST_CLUSTERS
from gisteval.stats.samples import FloatArray

MARGIN = 0.1
"""In nats a token: a loss within this much of the best one is as good."""

DRAWS = 1000
SEED = 0
NAMED = 3
"""Instructions that a finding names."""


def summarise_choice(families: Mapping[str, Mapping[int, Sequence[Observation]]]) -> Summary:
    """A recommended k of each family and split, and the instructions that need more than the least k.

    The recommendation is the smallest k whose mean loss is within the margin of the lowest one: more gists
    cost more slots at each use. Its interval is that of the recommendations of instructions drawn anew.

    Args:
        families: By family and k, what divergence found on the references.
    """
    rows: list[DiagnosticRow] = []
    findings: list[Diagnosed] = []
    for family, by_k in families.items():
        splits = dict.fromkeys(item.split for observations in by_k.values() for item in observations)
        for split in splits:
            losses = {
                k: {item.content: item for item in observations if item.split == split}
                for k, observations in sorted(by_k.items())
            }
            shared = sorted(set.intersection(*map(set, losses.values())))
            if len(losses) > 1 and shared:
                row, finding = _choice(
                    family, split, {k: [of[c] for c in shared] for k, of in losses.items()}
                )
                rows.append(row)
                findings.append(finding)
    return Summary(tuple(rows), tuple(findings))


def recommended(means: FloatArray, ks: Sequence[int]) -> int:
    """The smallest k, of ascending ones, whose mean loss is within the margin of the lowest."""
    return next(k for k, mean in zip(ks, means, strict=True) if mean <= means.min() + MARGIN)


def _choice(
    family: str, split: str, by_k: Mapping[int, Sequence[Observation]]
) -> tuple[DiagnosticRow, Diagnosed]:
    ks = list(by_k)
    clusters = [item.cluster for item in by_k[ks[0]]]
    names = list(dict.fromkeys(clusters))
    member = np.array([[cluster == name for cluster in clusters] for name in names], dtype=float)
    table = np.array([[item.values["nll"] for item in by_k[k]] for k in ks])
    sums, counts = table @ member.T, member.sum(axis=1)
    draw = np.random.default_rng(SEED).integers(len(names), size=(DRAWS, len(names)))
    drawn = [recommended(sums[:, rows].sum(axis=1) / counts[rows].sum(), ks) for rows in draw]
    best = recommended(table.mean(axis=1), ks)
    other = best if best > ks[0] else ks[1 + int(table[1:].mean(axis=1).argmin())]
    gains = (sums[0] - sums[ks.index(other)]) / counts
    needs = 100.0 * (gains > MARGIN)
    estimate = mean_of(DIAGNOSTIC_METRICS["needs_more"], needs, None)
    low, high = np.quantile(drawn, [0.025, 0.975], method="inverted_cdf")
    most = [names[place] for place in np.argsort(-gains)[:NAMED] if gains[place] > MARGIN]
    few = len(names) < FEWEST_CLUSTERS
    drawn_text = (
        "too few instructions for an interval" if few else f"in 95% of draws k is {low:g} to {high:g}"
    )
    text = (
        f"k = {best} of {', '.join(map(str, ks))} is the smallest within {MARGIN:g} nats of the least loss "
        f"({drawn_text}); {estimate.value:.0f}% of the instructions lose with {ks[0]} beside {other}"
    )
    text += f", most of all {'; '.join(map(quoted, most))}" if most else ""
    row = DiagnosticRow(
        measure="choice",
        split=split,
        system=family,
        setting=f"k = {ks[0]} beside k = {other}",
        metric="needs_more",
        unit="percent",
        value=estimate.value,
        ci_low=finite(estimate.ci_low),
        ci_high=finite(estimate.ci_high),
        n=len(clusters),
        clusters=len(names),
    )
    return row, Diagnosed(
        measure="choice",
        system=family,
        split=split,
        state="open" if few else "note",
        text=text,
        brief=f"k = {best}",
    )
