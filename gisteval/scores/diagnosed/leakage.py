"""The leakage test: losses behind the prompts of other instructions, and of a paraphrase of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gisteval import stats
from gisteval.records.diagnosis import Diagnosed, Observation
from gisteval.records.schema import Estimate, finite
from gisteval.scores.diagnosed.rows import Observed, Summary, interval, mean_row, stated
from gisteval.stats.samples import FloatArray

OWN, OTHER, PARAPHRASE = "own prompt", "another's prompt", "a paraphrase's prompt"

HALF = 50.0
"""Percent of the rise behind another's prompt: a paraphrase that costs more is no paraphrase to a gist."""


def summarise_leakage(observed: Observed, positives: Mapping[str, str]) -> Summary:
    """Losses behind each kind of prompt, and findings on each compressed system and split.

    Args:
        observed: Behind own prompts, and of systems that compress behind the others.
        positives: The positive control of each system, by name.
    """
    groups = list(observed.groups())
    rows = [mean_row(group, metric) for group in groups for metric in ("nll", "greedy_exact")]
    by_place = {(g[0].system, g[0].split, g[0].setting): g for g in groups}
    findings = []
    for (system, split, setting), others in by_place.items():
        own = by_place.get((system, split, OWN))
        control = by_place.get((observed.negatives.get(system, ""), split, OWN))
        if setting != OTHER or own is None:
            continue
        findings.append(_leakage_finding(own, others, control))
        worded = by_place.get((system, split, PARAPHRASE))
        if worded is not None:
            full = [by_place.get((positives.get(system, ""), split, name)) for name in (OWN, PARAPHRASE)]
            findings.append(_paraphrase_finding(own, others, worded, full[0], full[1]))
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
            first,
            "fault",
            f"{text}: gists of other instructions serve as well, so they are not used",
            "not used",
        )
    if control is None:
        return stated(first, "ok", text, "used")
    above = _difference(others, control)
    to_control = f"{text}, to {interval(above)} above the negative control"
    if np.isfinite(above.ci_high) and above.ci_high < 0.0:
        return stated(first, "warning", f"{to_control}: something beside the gist may tell the instruction")
    return stated(first, "ok", to_control, "used")


def _paraphrase_finding(
    own: Sequence[Observation],
    others: Sequence[Observation],
    worded: Sequence[Observation],
    full_own: Sequence[Observation] | None,
    full_worded: Sequence[Observation] | None,
) -> Diagnosed:
    """Whether the gist of a paraphrase serves an instruction nearly as well as its own."""
    first = own[0]
    change = _difference(worded, own)
    text = f"behind a paraphrase's prompt the loss changes by {interval(change)} nats a token"
    if full_own is not None and full_worded is not None:
        text += f" (with the full prompt by {interval(_difference(full_worded, full_own))})"
    ours, behind_own, behind_other = _shared(worded, own, others)
    share = stats.ratio_of_means(ours - behind_own, behind_other - behind_own, [o.cluster for o in worded])
    low, high = (finite(100.0 * end) for end in (share.ci_low, share.ci_high))
    if low is None or high is None or finite(change.ci_low) is None:
        return stated(first, "open", f"{text}: too few instructions to say more")
    text += f", {100.0 * share.value:.0f}% [{low:.0f}, {high:.0f}] of the rise behind another instruction's"
    if high < HALF:
        return stated(first, "ok", f"{text}: gists hold the meaning more than the wording")
    if low > HALF:
        return stated(first, "warning", f"{text}: gists hold the wording more than the meaning", "wording")
    return stated(first, "open", text)


def _shared(worded: Sequence[Observation], *groups: Sequence[Observation]) -> list[FloatArray]:
    """The losses of the first group's examples in each group, in its order."""
    tables = [{o.content: o.values["nll"] for o in group} for group in (worded, *groups)]
    return [np.array([table[o.content] for o in worded]) for table in tables]


def _difference(ours: Sequence[Observation], theirs: Sequence[Observation]) -> Estimate:
    """The mean difference of losses over the examples that both have."""
    other = {observation.content: observation.values["nll"] for observation in theirs}
    pairs = [(o.values["nll"], other[o.content], o.cluster) for o in ours if o.content in other]
    mine, others, clusters = zip(*pairs, strict=True)
    return stats.paired_difference(mine, others, clusters, permutations=1).estimate
