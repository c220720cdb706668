"""Training health, from the losses that gist.json holds: the gap to the control, and warnings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gisteval.records.diagnosis import Diagnosed, DiagnosticRow, State
from gisteval.scores.diagnosed.rows import Summary

Curve = Sequence[tuple[float, float]]
"""Pairs of step and loss in nats a token."""

QUARTERS = (0.25, 0.5, 0.75, 1.0)
LAST = 0.1
"""Share of a training over which a loss is averaged."""

NO_GAIN = 0.1
"""A system that gains less than this share of the gap between the controls learns nothing from gists."""

RISEN = 1.2
"""A loss that ends this many times above its lowest average has got worse."""

FALLING = 0.05
"""A loss that falls by this share over its last quarter would have gone on falling."""


@dataclass(frozen=True, slots=True)
class Training:
    """The losses of a system and of its trained controls; empty where none was logged."""

    system: str
    loss: Curve
    positive_name: str
    positive: Curve
    negative: Curve


def summarise_training(trainings: Iterable[Training]) -> Summary:
    """The gap to the positive control at each quarter of the training, and a finding on each system."""
    rows: list[DiagnosticRow] = []
    findings: list[Diagnosed] = []
    for training in trainings:
        if not training.loss:
            continue
        last = training.loss[-1][0]
        for quarter in QUARTERS:
            ours, theirs = (average(curve, quarter * last) for curve in (training.loss, training.positive))
            if ours is not None and theirs is not None:
                rows.append(_row(training, quarter, ours - theirs))
        state, text = health(training)
        findings.append(Diagnosed(measure="training", system=training.system, state=state, text=text))
    return Summary(tuple(rows), tuple(findings))


def average(curve: Curve, step: float) -> float | None:
    """The mean loss over the last tenth of a training's steps up to this one; None without a loss there."""
    if not curve:
        return None
    width = LAST * curve[-1][0]
    found = [loss for at, loss in curve if step - width < at <= step]
    return sum(found) / len(found) if found else None


def health(training: Training) -> tuple[State, str]:
    """What the losses of one training say."""
    curve = training.loss
    last = curve[-1][0]
    if any(not math.isfinite(loss) for _, loss in curve):
        return "fault", "the loss is no number at some step: the training broke"
    end = average(curve, last) or 0.0
    lowest = min(
        filter(None, (average(curve, step) for step, _ in curve if step >= LAST * last)), default=end
    )
    if end > RISEN * lowest:
        return (
            "warning",
            f"the loss rose to {end:.3f} from {lowest:.3f}: use an earlier state, or train again",
        )
    positive, negative = (
        average(control, control[-1][0]) if control else None
        for control in (training.positive, training.negative)
    )
    if positive is not None and negative is not None and negative > positive:
        gained = (negative - end) / (negative - positive)
        text = f"the loss ended at {end:.3f}, {100 * gained:.0f}% of the way between the controls"
        if gained < NO_GAIN:
            return "warning", f"{text}: the gists carry nothing, an early sign of collapse"
    else:
        text = f"the loss ended at {end:.3f}"
    before = average(curve, 0.75 * last)
    if before is not None and before - end > FALLING * before:
        text += ", and was still falling"
    return "ok", f"{text} (one training: no order of systems follows from it)"


def _row(training: Training, quarter: float, gap: float) -> DiagnosticRow:
    return DiagnosticRow(
        measure="training",
        split="train",
        system=training.system,
        setting="training loss",
        where=f"{100 * quarter:.0f}% of the steps",
        metric="loss_gap",
        unit="nats a token",
        value=gap,
        n=1,
        clusters=1,
        reference=training.positive_name,
    )
