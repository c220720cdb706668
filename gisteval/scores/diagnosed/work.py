"""Slots attended to while answers are written, and what a system saves of them."""

from __future__ import annotations

import numpy as np

from gisteval import stats
from gisteval.records.diagnosis import Diagnosed, DiagnosticRow
from gisteval.scores.diagnosed.rows import Observed, Summary, mean_row, stated

METRICS = ("dep", "peak_slots", "mean_slots")


def summarise_work(observed: Observed, positives: dict[str, str]) -> Summary:
    """Rows of every system and split, and each one's dependency as a share of the full prompt's.

    positives: The positive control of each system, by name.
    """
    groups = list(observed.groups())
    by_place = {(group[0].system, group[0].split): group for group in groups}
    rows: list[DiagnosticRow] = []
    findings: list[Diagnosed] = []
    for group in groups:
        rows += filter(None, (mean_row(group, metric) for metric in METRICS))
        first = group[0]
        full = by_place.get((positives.get(first.system, ""), first.split))
        if full is None or full is group:
            continue
        whole = {observation.content: observation.values["dep"] for observation in full}
        both = [observation for observation in group if observation.content in whole]
        share = stats.ratio_of_means(
            np.array([observation.values["dep"] for observation in both]),
            np.array([whole[observation.content] for observation in both]),
            [observation.cluster for observation in both],
        )
        ends = [100.0 * end for end in (share.ci_low, share.ci_high) if np.isfinite(end)]
        interval = f" [{ends[0]:.1f}, {ends[1]:.1f}]" if len(ends) == 2 else ""
        text = f"answers attend to {100.0 * share.value:.1f}%{interval} of the full prompt's slots (Dep)"
        if first.system not in observed.negatives.values():
            findings.append(stated(first, "note", text, f"{100.0 * share.value:.0f}% of slots"))
    return Summary(tuple(rows), tuple(findings))
