"""Whether gists are healthy: collapse, dead layers, degenerate gists, slots, and the leakage test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from gisteval import stats
from gisteval.records.diagnosis import Diagnosed, DiagnosticRow, Observation
from gisteval.records.schema import Estimate, finite
from gisteval.scores.diagnosed.rows import Observed, Summary, interval, mean_row, row_of, stated

DEAD = 1.0
"""A layer whose index is below this, in percent, tells instructions apart no more. Healthy: 20 to 95."""

DEGENERATE = 1e-3
"""Gists whose squared distance is below this share of the usual one are as good as equal."""

NAMED = 3
"""Degenerate gists that a finding names."""

OWN, OTHER = "own prompt", "another's prompt"


def summarise_states(observed: Observed) -> Summary:
    """Collapse index and effective rank of each layer, and findings on each system and split."""
    rows: list[DiagnosticRow] = []
    findings: list[Diagnosed] = []
    for group in observed.groups():
        first = group[0]
        indices = []
        for layer in range(len(first.series["size"])):
            where = f"layer {layer + 1}"
            index = _index(group, layer)
            rank = first.series["effective_rank"][layer]
            unbounded = Estimate(rank, -np.inf, np.inf, len(group), len(group), 0.95, "none")
            rows.append(row_of(first, "spread", "percent", index, where))
            rows.append(row_of(first, "effective_rank", "directions", unbounded, where))
            indices.append(index.value)
        findings += _state_findings(group, indices)
    return Summary(tuple(rows), tuple(findings))


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
        yield stated(first, "fault", text)
    first_judged = 1 if expected is not None and len(indices) > 1 else 0
    judged = dict(enumerate(indices[first_judged:], first_judged + 1))
    dead = [layer for layer, index in judged.items() if index < DEAD]
    if len(dead) == len(judged):
        yield stated(first, "fault", "collapsed: the gists of all instructions are equal")
        return
    if dead:
        names = ", ".join(map(str, dead))
        text = f"dead: in layer {names} the gists of all instructions are equal (index below {DEAD:g}%)"
        yield stated(first, "fault", text)
    close = [o for o in group if o.values["nearest"] < DEGENERATE and o.cluster != o.texts["nearest"]]
    if close:
        pairs = {frozenset((o.cluster, o.texts["nearest"])): o for o in close}.values()
        named = "; ".join(
            f"“{_cut(o.cluster)}” and “{_cut(o.texts['nearest'])}”" for o in list(pairs)[:NAMED]
        )
        more = f" and {len(pairs) - NAMED} more pairs" if len(pairs) > NAMED else ""
        yield stated(first, "warning", f"degenerate: the gists of {named}{more} are as good as equal")
    if not dead and not close:
        low, high = min(judged.values()), max(judged.values())
        text = f"gists differ between instructions: index {low:.0f} to {high:.0f}% over the layers"
        yield stated(first, "ok", text)


def summarise_leakage(observed: Observed) -> Summary:
    """Losses behind own and others' prompts, and a finding on each compressed system and split."""
    groups = list(observed.groups())
    rows = [mean_row(group, metric) for group in groups for metric in ("nll", "greedy_exact")]
    by_place = {(g[0].system, g[0].split, g[0].setting): g for g in groups}
    findings = []
    for (system, split, setting), others in by_place.items():
        own = by_place.get((system, split, OWN))
        control = by_place.get((observed.negatives.get(system, ""), split, OWN))
        if setting == OTHER and own is not None:
            findings.append(_leakage_finding(own, others, control))
    return Summary(tuple(row for row in rows if row is not None), tuple(findings))


def _leakage_finding(
    own: Sequence[Observation], others: Sequence[Observation], control: Sequence[Observation] | None
) -> Diagnosed:
    first = own[0]
    rise = _difference(others, own)
    text = f"behind another instruction's prompt the loss rises by {interval(rise)} nats a token"
    low, high = finite(rise.ci_low), finite(rise.ci_high)
    if low is None or high is None:
        return stated(first, "open", f"{text}: too few instructions to say more")
    if low <= 0.0:
        return stated(
            first, "fault", f"{text}: gists of other instructions serve as well, so they are not used"
        )
    if control is None:
        return stated(first, "ok", text)
    above = _difference(others, control)
    to_control = f"{text}, to {interval(above)} above the negative control"
    if np.isfinite(above.ci_high) and above.ci_high < 0.0:
        return stated(first, "warning", f"{to_control}: something beside the gist may tell the instruction")
    return stated(first, "ok", to_control)


def _difference(ours: Sequence[Observation], theirs: Sequence[Observation]) -> Estimate:
    """The mean difference of losses over the examples that both have."""
    other = {observation.content: observation.values["nll"] for observation in theirs}
    pairs = [(o.values["nll"], other[o.content], o.cluster) for o in ours if o.content in other]
    mine, others, clusters = zip(*pairs, strict=True)
    return stats.paired_difference(mine, others, clusters, permutations=1).estimate


def _cut(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"
