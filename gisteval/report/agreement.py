"""Agreement of judges on the same pairs: the share of equal answers and Cohen's kappa."""

from __future__ import annotations

from itertools import combinations

from gisteval import stats
from gisteval.judging.agreement import cohen_kappa
from gisteval.report.layout import Table
from gisteval.report.tables import interval_text
from gisteval.report.values import Values


def agreement_table(values: Values) -> Table:
    """Build a table with a row for each two judges, split and system that both judged.

    Each judge's value of a pair counts as a win, a tie or a loss.
    """
    rows = []
    for judge, other_judge in combinations(values.judges, 2):
        for name, system, split in values.columns:
            theirs = values.columns.get((other_judge, system, split), {})
            ours = values.columns[name, system, split] if name == judge else {}
            shared = [pair for pair in ours if pair in theirs]
            if shared:
                first, second = (
                    {pair: _outcome(scores[pair]) for pair in shared} for scores in (ours, theirs)
                )
                same = [100.0 * (first[pair] == second[pair]) for pair in shared]
                share = stats.percent_interval(same, [values.clusters[pair] for pair in shared])
                text = interval_text(share.value, share.ci_low, share.ci_high, 1)
                agreement = cohen_kappa(first, second)
                kappa = None if agreement is None else agreement.kappa
                rows.append(
                    (
                        judge,
                        other_judge,
                        split,
                        system,
                        str(len(shared)),
                        text,
                        "-" if kappa is None else f"{kappa:.2f}",
                    )
                )
    columns = ("judge", "other judge", "split", "system", "pairs", "agree %", "kappa")
    note = "A kappa of 0 is chance, 1 is full agreement. A pair judged in both orders counts with its mean."
    return Table("agreement", "Agreement of judges", columns, tuple(rows), note)


def _outcome(value: float) -> str:
    return "win" if value > 50 else "loss" if value < 50 else "tie"
