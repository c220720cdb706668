"""Quality against the strictness of the mask: every setting beside the strictest one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from gisteval import stats
from gisteval.records.diagnosis import Diagnosed, DiagnosticRow, Observation
from gisteval.scores.diagnosed.rows import Observed, Summary, ValueOf, mean_row, stated

STRICT = "leak 0"

HIDDEN = re.compile(r"hidden in ((encoder |decoder )?layer \d+)")
"""Settings that say how much a single layer needs the gists."""

ALPHA = 0.05
"""Of all claims about the settings of a system on a split, by Holm's correction."""


def summarise_strictness(observed: Observed) -> Summary:
    """Loss and references found under each mask, the paired change, and what changes the loss most."""
    rows: list[DiagnosticRow] = []
    findings: list[Diagnosed] = []
    by_place: dict[tuple[str, str], list[list[Observation]]] = {}
    for group in observed.groups():
        by_place.setdefault((group[0].system, group[0].split), []).append(group)
    for groups in by_place.values():
        strict = next((group for group in groups if group[0].setting == STRICT), None)
        if strict is None:
            continue
        losses = {observation.content: observation.values["nll"] for observation in strict}
        changes: dict[str, DiagnosticRow] = {}
        p_values = []
        for group in groups:
            rows += filter(None, (mean_row(group, metric) for metric in ("nll", "greedy_exact")))
            change = mean_row(group, "delta_nll", _change(losses)) if group is not strict else None
            if change is not None:
                changes[change.setting] = change
                p_values.append(_p_value(group, losses))
        rows += changes.values()
        findings.append(_finding(strict[0], changes, p_values))
    return Summary(tuple(rows), tuple(findings))


def _change(losses: Mapping[str, float]) -> ValueOf:
    def value(observation: Observation) -> float | None:
        strict = losses.get(observation.content)
        return None if strict is None else observation.values["nll"] - strict

    return value


def _p_value(group: Sequence[Observation], losses: Mapping[str, float]) -> float:
    """Of no change, two-sided."""
    both = [observation for observation in group if observation.content in losses]
    return stats.paired_difference(
        [observation.values["nll"] for observation in both],
        [losses[observation.content] for observation in both],
        [observation.cluster for observation in both],
        permutations=1,
    ).p_value


def _finding(
    first: Observation, changes: Mapping[str, DiagnosticRow], p_values: Sequence[float]
) -> Diagnosed:
    """What changes the loss most, and what lowers it, corrected for the number of settings."""
    adjusted = zip(changes.values(), stats.holm(p_values), strict=True)
    shown = [row for row, p_value in adjusted if p_value <= ALPHA]
    if not shown:
        return stated(
            first, "open", "no setting is shown to change the loss of the strict mask", "no change"
        )
    most = max(shown, key=lambda row: abs(row.value))
    ends = (
        "" if most.ci_low is None or most.ci_high is None else f" [{most.ci_low:.3f}, {most.ci_high:.3f}]"
    )
    better = [row.setting for row in shown if row.value < 0.0]
    text = f"“{most.setting}” changes the loss most, by {most.value:.3f}{ends} nats a token; "
    text += f"shown to lower it: {', '.join(better)}" if better else "no setting is shown to lower it"
    hidden = [row for row in changes.values() if HIDDEN.fullmatch(row.setting)]
    hidden.sort(key=lambda row: -row.value)
    brief = most.setting
    if hidden:
        needed, least = hidden[0], hidden[-1]
        text += (
            f"; of single layers, {needed.setting[10:]} needs the gists most ({needed.value:+.3f} where "
            f"they are hidden there), {least.setting[10:]} least ({least.value:+.3f})"
        )
        brief = f"{needed.setting[10:]} most"
    return stated(first, "note", text, brief)
