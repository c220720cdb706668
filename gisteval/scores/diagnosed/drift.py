"""How far a model behind stored prompts is from the same model behind its own."""

from __future__ import annotations

from gisteval.records.diagnosis import DiagnosticRow
from gisteval.scores.diagnosed.divergence import HORIZONS
from gisteval.scores.diagnosed.rows import Observed, Summary, mean_row

METRICS = (*HORIZONS, "kl", "top1", "same_answer", "greedy_exact", "cosine")


def drift_rows(observed: Observed) -> Summary:
    """Rows of every writer and split, on the references and on the reader's own answers."""
    rows: list[DiagnosticRow] = []
    for group in observed.groups():
        rows += filter(None, (mean_row(group, metric) for metric in METRICS))
    return Summary(tuple(rows))
