"""How far systems are from the full prompt, and where in their answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from gisteval.records.diagnosis import Diagnosed, DiagnosticRow, Observation
from gisteval.scores.diagnosed.rows import Observed, Summary, ValueOf, mean_row, stated, with_control

TARGET = 0.1
"""The largest delta NLL@H, in nats a token, at which MegaContext calls a compressed text a substitute."""

HORIZONS = ("delta_nll@1", "delta_nll@8", "delta_nll@32", "delta_nll@128")

SHARED = (*HORIZONS, "kl")
"""Metrics of which the negative control has its own, so that a share of it means something."""

OTHERS = ("nll", "top1", "agreed", "same_answer")

HORIZON = "delta_nll@32"
"""What the finding rests on."""

POSITIONS = ((0, 1), (1, 2), (2, 4), (4, 8), (8, 16), (16, 32), (32, 64), (64, 128))
"""Parts of an answer, in tokens."""

DISTANCES = (1.0, 5.0, 9.0, 17.0, 33.0, float("inf"))
"""Tokens from the end of the prompt to the word that a token of the answer repeats."""

SURPRISALS = (0.0, 2.0, 5.0, 8.0, float("inf"))
"""How surprising that word was in the prompt, in nats."""


def summarise(observed: Observed) -> Summary:
    """Rows of every system, split and setting, and a finding on each compressed system."""
    rows: list[DiagnosticRow] = []
    findings: list[Diagnosed] = []
    for group in observed.groups():
        control = observed.control_of(group)
        for metric in SHARED:
            row = mean_row(group, metric)
            if row is not None:
                rows.append(with_control(row, group, control))
        rows += filter(None, (mean_row(group, metric) for metric in OTHERS))
        rows += _by_part(group)
        if group[0].setting == "own answer" and control is not None:
            findings.append(_finding(rows, group[0]))
    return Summary(tuple(rows), tuple(findings))


def _by_part(group: Sequence[Observation]) -> Iterator[DiagnosticRow]:
    """Delta NLL by the place in the answer, and by what a token of the answer needs of the prompt."""
    for start, stop in POSITIONS:
        label = f"token {stop}" if stop == start + 1 else f"tokens {start + 1} to {stop}"
        row = mean_row(group, "delta_nll", _of_places(start, stop), label)
        if row is not None:
            yield row
    for mark, unit, edges in (("distance", "tokens", DISTANCES), ("surprisal", "nats", SURPRISALS)):
        for low, high in pairwise(edges):
            label = (
                f"{mark} {low:g} {unit} or more"
                if high == edges[-1]
                else f"{mark} {low:g} to {high:g} {unit}"
            )
            row = mean_row(group, "delta_nll", _of_marked(mark, low, high), label)
            if row is not None:
                yield row


def _of_places(start: int, stop: int) -> ValueOf:
    return lambda observation: _mean(observation.series["delta_nll"][start:stop])


def _of_marked(mark: str, low: float, high: float) -> ValueOf:
    def value(observation: Observation) -> float | None:
        marks = observation.marks.get(mark, ())
        deltas = observation.series["delta_nll"]
        pairs = zip(marks, deltas, strict=False)
        return _mean([delta for place, delta in pairs if place is not None and low <= place < high])

    return value


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _finding(rows: Sequence[DiagnosticRow], of: Observation) -> Diagnosed:
    """Whether a system can stand in for the full prompt, as far as the interval says."""
    row = next(
        row
        for row in reversed(rows)
        if (row.system, row.split, row.setting, row.metric) == (of.system, of.split, of.setting, HORIZON)
    )
    low, high = row.ci_low, row.ci_high
    interval = "" if low is None or high is None else f" [{low:.3f}, {high:.3f}]"
    text = f"ΔNLL@32 on the full prompt's own answers is {row.value:.3f}{interval} nats a token"
    brief = f"ΔNLL {row.value:.2f}"
    if row.share is not None:
        text += f", {row.share:.0f}% of the negative control's"
        brief = f"loses {row.share:.0f}%"
    if row.value == 0.0 and low is None:
        return stated(of, "ok", f"{text}: no token differs from the full prompt's", brief)
    if high is not None and high <= TARGET:
        return stated(of, "ok", f"{text}: within {TARGET}, a substitute for the full prompt", brief)
    if low is not None and low > TARGET:
        return stated(of, "note", f"{text}: above {TARGET}, no substitute for the full prompt", brief)
    return stated(of, "open", f"{text}: too few examples to place it beside {TARGET}", brief)
