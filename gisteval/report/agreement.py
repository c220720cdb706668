"""How far judges agree that saw the same pairs: share and Cohen's kappa over win, tie and loss."""

from __future__ import annotations

from itertools import combinations

from gisteval import stats
from gisteval.judging.agreement import cohen_kappa
from gisteval.report.layout import Table
from gisteval.report.tables import interval_text
from gisteval.report.values import Values


def agreement_table(values: Values) -> Table:
    """A row for each two judges, split and system that both judged; a pair is a win, a tie or a loss."""
    rows = []
    for one, other in combinations(values.judges, 2):
        for name, system, split in values.columns:
            theirs = values.columns.get((other, system, split), {})
            ours = values.columns[name, system, split] if name == one else {}
            shared = [pair for pair in ours if pair in theirs]
            if shared:
                first, second = (
                    {pair: _outcome(found[pair]) for pair in shared} for found in (ours, theirs)
                )
                same = [100.0 * (first[pair] == second[pair]) for pair in shared]
                share = stats.percent_interval(same, [values.clusters[pair] for pair in shared])
                text = interval_text(share.value, share.ci_low, share.ci_high, 1)
                found = cohen_kappa(first, second)
                kappa = None if found is None else found.kappa
                rows.append(
                    (
                        one,
                        other,
                        split,
                        system,
                        str(len(shared)),
                        text,
                        "-" if kappa is None else f"{kappa:.2f}",
                    )
                )
    columns = ("judge", "other judge", "split", "system", "pairs", "agree %", "kappa")
    note = "Kappa: 0 is chance, 1 is full agreement. A pair seen in both orders counts by its mean."
    return Table("agreement", "Agreement of judges", columns, tuple(rows), note)


def _outcome(value: float) -> str:
    return "win" if value > 50 else "loss" if value < 50 else "tie"
