"""How much of a prompt a model repeats, beside what the full prompt and no prompt at all give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rapidfuzz.distance import Levenshtein

from gisteval.metrics.rouge import rouge_l
from gisteval.records.diagnosis import Diagnosed, DiagnosticRow, Observation
from gisteval.scores.diagnosed.rows import Observed, Summary, mean_row, quoted, stated

ANSWER = "answer"

CAN_REPEAT = 50.0
"""ROUGE-L in percent that the full prompt must reach, else its model can't be asked."""


def summarise_reconstruction(observed: Observed, positives: Mapping[str, str]) -> Summary:
    """ROUGE-L and edit distance of each system, and a finding on each one that compresses.

    Args:
        observed: What each system wrote.
        positives: The positive control of each system, by name.
    """
    rows: list[DiagnosticRow] = []
    findings: list[Diagnosed] = []
    repeated: dict[tuple[str, str], DiagnosticRow] = {}
    groups = list(observed.groups())
    for group in groups:
        for metric, value_of in (("repeated", rouge_of), ("edits", edits_of)):
            row = mean_row(group, metric, value_of)
            assert row is not None  # every observation has an answer
            rows.append(row)
            if metric == "repeated":
                repeated[row.system, row.split] = row
    for group in groups:
        system, split = group[0].system, group[0].split
        full = repeated.get((positives.get(system, ""), split))
        none = repeated.get((observed.negatives.get(system, ""), split))
        if system not in (*positives.values(), *observed.negatives.values()):
            findings.append(_finding(group, repeated[system, split], full, none))
    return Summary(tuple(rows), tuple(findings))


def rouge_of(observation: Observation) -> float:
    """ROUGE-L F1 of an answer against the instruction, in percent."""
    return 100.0 * rouge_l(observation.texts[ANSWER], observation.cluster).f1


def edits_of(observation: Observation) -> float:
    """The Levenshtein distance of both texts in characters, in percent of the longer one."""
    return 100.0 * Levenshtein.normalized_distance(observation.texts[ANSWER].strip(), observation.cluster)


def _finding(
    group: Sequence[Observation],
    ours: DiagnosticRow,
    full: DiagnosticRow | None,
    none: DiagnosticRow | None,
) -> Diagnosed:
    first = group[0]
    if full is not None and full.value < CAN_REPEAT:
        text = (
            f"{full.system} itself repeats its full prompt with ROUGE-L {full.value:.0f}%: it can't be "
            "asked what its gists hold"
        )
        return stated(first, "open", text, "can't be asked")
    beside = "".join(f", {row.system} {row.value:.0f}%" for row in (full, none) if row is not None)
    best = max(group, key=rouge_of)
    text = (
        f"repeats its prompt with ROUGE-L {ours.value:.0f}%{beside}; the most of {quoted(best.cluster)}, "
        f"as {quoted(best.texts[ANSWER].strip())}"
    )
    return stated(first, "note", text, f"{ours.value:.0f}% of it")
