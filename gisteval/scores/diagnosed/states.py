"""Whether gists are healthy: collapse, dead layers, degenerate gists, slots, and what is near to what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from gisteval import stats
from gisteval.metrics.diagnostic import DIAGNOSTIC_METRICS
from gisteval.records.diagnosis import Diagnosed, DiagnosticRow, Observation
from gisteval.records.schema import Estimate
from gisteval.scores.diagnosed.rows import Observed, Summary, mean_row, named, quoted, row_of, stated

DEAD = 1.0
"""A layer whose index is below this, in percent, tells instructions apart no more. Healthy: 20 to 95."""

DEGENERATE = 1e-3
"""Gists whose squared distance is below this share of the usual one are as good as equal."""

NAMED = 3
"""Pairs of instructions that a finding names."""

NEAREST = "nearest instruction"
"""The place of rows that are of neighbours."""


def summarise_states(observed: Observed) -> Summary:
    """Collapse index, entropy and rank of each layer, nearest neighbours, and findings on each group."""
    rows: list[DiagnosticRow] = []
    findings: list[Diagnosed] = []
    for group in observed.groups():
        indices = []
        for layer in range(len(group[0].series["size"])):
            index = _index(group, layer)
            indices.append(index.value)
            rows += _layer_rows(group, layer, index)
        for metric in ("cosine", "effect"):
            rows += filter(None, [mean_row(group, metric, named(metric), NEAREST)])
        rows += filter(None, [mean_row(group, "same_nearest", _same_nearest, NEAREST)])
        findings += _state_findings(group, indices)
        if max(indices) >= DEAD:
            findings.append(_nearest_finding(group))
    return Summary(tuple(rows), tuple(findings))


def _layer_rows(group: Sequence[Observation], layer: int, index: Estimate) -> Iterator[DiagnosticRow]:
    """Of one layer. Entropy and rank have no interval: they are of all instructions at once."""
    first, where = group[0], f"layer {layer + 1}"
    rank = first.series["effective_rank"][layer]
    yield row_of(first, "spread", "percent", index, where)
    for metric, value in (("entropy", float(np.log(max(rank, 1.0)))), ("effective_rank", rank)):
        unbounded = Estimate(value, -np.inf, np.inf, len(group), len(group), 0.95, "none")
        yield row_of(first, metric, DIAGNOSTIC_METRICS[metric].unit, unbounded, where)


def _same_nearest(observation: Observation) -> float:
    return 100.0 * (observation.texts["cosine"] == observation.texts["effect"])


def _index(group: Sequence[Observation], layer: int) -> Estimate:
    """The collapse index in percent: the ratio of two means over instructions."""
    between = np.array([observation.series["between"][layer] for observation in group])
    size = np.array([observation.series["size"][layer] for observation in group])
    if not size.any():
        return Estimate(0.0, -np.inf, np.inf, len(group), len(group), 0.95, "none")
    ratio = stats.ratio_of_means(between, size, [observation.cluster for observation in group])
    scaled = [100.0 * value for value in (ratio.value, ratio.ci_low, ratio.ci_high)]
    return replace(ratio, value=scaled[0], ci_low=scaled[1], ci_high=scaled[2])


def _state_findings(group: Sequence[Observation], indices: Sequence[float]) -> Iterator[Diagnosed]:
    first = group[0]
    expected = first.values.get("expected_slots")
    if expected is not None and any(o.values["slots"] != expected for o in group):
        kept = max(observation.values["slots"] for observation in group)
        text = f"keeps {kept:g} slots of an instruction, but was trained to keep {expected:g}: tokens leak"
        yield stated(first, "fault", text, "leak")
    first_judged = 1 if expected is not None and len(indices) > 1 else 0
    judged = dict(enumerate(indices[first_judged:], first_judged + 1))
    dead = [layer for layer, index in judged.items() if index < DEAD]
    if len(dead) == len(judged):
        yield stated(first, "fault", "collapsed: the gists of all instructions are equal", "collapsed")
        return
    if dead:
        names = ", ".join(map(str, dead))
        text = f"dead: in layer {names} the gists of all instructions are equal (index below {DEAD:g}%)"
        yield stated(first, "fault", text, "dead layer")
    close = [o for o in group if o.values["distance"] < DEGENERATE and o.cluster != o.texts["cosine"]]
    if close:
        pairs = _pairs(close, "cosine")
        more = f" and {len(pairs) - NAMED} more pairs" if len(pairs) > NAMED else ""
        named_pairs = "; ".join(pairs[:NAMED])
        yield stated(
            first,
            "warning",
            f"degenerate: the gists of {named_pairs}{more} are as good as equal",
            "some equal",
        )
    if not dead and not close:
        low, high = min(judged.values()), max(judged.values())
        text = f"gists differ between instructions: index {low:.0f} to {high:.0f}% over the layers"
        yield stated(first, "ok", text, "they differ")


def _pairs(group: Sequence[Observation], by: str) -> list[str]:
    """Instructions with their nearest one, each pair once."""
    pairs = {frozenset((o.cluster, o.texts[by])): o for o in group}.values()
    return [f"{quoted(o.cluster)} and {quoted(o.texts[by])}" for o in pairs]


def _nearest_finding(group: Sequence[Observation]) -> Diagnosed:
    """Which instructions are the nearest to each other, by the gists' values and by their effect."""
    by_cosine = sorted(group, key=lambda o: -o.values["cosine"])
    by_effect = sorted(group, key=lambda o: o.values["effect"])
    same = sum(_same_nearest(o) for o in group) / len(group)
    text = (
        f"nearest by cosine ({by_cosine[0].values['cosine']:.2f}): {_pairs(by_cosine, 'cosine')[0]}; "
        f"by effect (KL {by_effect[0].values['effect']:.2g}): {_pairs(by_effect, 'effect')[0]}; both name "
        f"the same neighbour for {same:.0f}% of the instructions"
    )
    return stated(group[0], "note", text)
