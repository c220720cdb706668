"""Training health, from the losses that gist.json holds: the gap to the control, and warnings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from gisteval.metrics.diagnostic import DIAGNOSTIC_METRICS
from gisteval.records.diagnosis import Diagnosed, DiagnosticRow, State
from gisteval.scores.diagnosed.rows import Summary
from gisteval.stats.samples import FloatArray

Curve = Sequence[tuple[float, float]]
"""Pairs of step and loss in nats a token."""

QUARTERS = (0.25, 0.5, 0.75, 1.0)
LAST = 0.1
"""Share of a training over which a loss is averaged."""

NO_GAIN = 0.1
"""A system that gains less than this share of the gap between the controls learns nothing from gists."""

RISEN = 1.2
"""A loss that ends this many times above its lowest average has got worse."""

SHRUNK = 0.5
"""An entropy that ends below this share of its highest one says that gists become alike."""

SEEDS = 3
"""Trainings of a system, and of its control, from which an order may be claimed."""

FALLING = 0.05
"""A loss that falls by this share over its last quarter would have gone on falling."""


@dataclass(frozen=True, slots=True)
class Training:
    """The losses of a system and of its trained controls; empty where none was logged.

    Attributes:
        system: Its name.
        loss: Its losses.
        positive_name: The name of its positive control.
        positive: The losses of that.
        negative: The losses of its negative control.
        gists: Step, norm and entropy of its gist states; empty where the training did not note them.
        recipe: A digest of all that decides the training but its seed and name; empty if it is not known.
        seed: The seed.
        positive_seed: That of the positive control.
    """

    system: str
    loss: Curve
    positive_name: str
    positive: Curve
    negative: Curve
    gists: Sequence[tuple[float, float, float]] = ()
    recipe: str = ""
    seed: int | None = None
    positive_seed: int | None = None


def summarise_training(trainings: Iterable[Training]) -> Summary:
    """The gap to the positive control at each quarter of the training, the gists there, and findings."""
    rows: list[DiagnosticRow] = []
    findings: list[Diagnosed] = []
    logged = [training for training in trainings if training.loss]
    for training in logged:
        last = training.loss[-1][0]
        for quarter in QUARTERS:
            ours, theirs = (average(curve, quarter * last) for curve in (training.loss, training.positive))
            where = f"{100 * quarter:.0f}% of the steps"
            if ours is not None and theirs is not None:
                rows.append(_row(training, "loss_gap", where, ours - theirs))
            looked = [entry for entry in training.gists if entry[0] <= quarter * last]
            if looked:
                _, norm, entropy = looked[-1]
                rows.append(_row(training, "gist_norm", where, norm))
                rows.append(_row(training, "gist_entropy", where, entropy))
        findings += [
            Diagnosed(measure="training", system=training.system, state=state, text=text)
            for state, text in (health(training), *gist_health(training))
        ]
    return Summary(tuple(rows), (*findings, *compare_seeds(logged)))


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


def gist_health(training: Training) -> list[tuple[State, str]]:
    """What the gist states that a training noted say; nothing where there are fewer than two looks."""
    if len(training.gists) < 2:
        return []
    (_, norm, entropy), most = training.gists[-1], max(entropy for _, _, entropy in training.gists)
    text = f"the entropy of the gist states ended at {entropy:.2f} nats, their norm at {norm:.2f}"
    if entropy < SHRUNK * most:
        return [("warning", f"{text}: it was {most:.2f}, so gists become alike, an early sign of collapse")]
    return [("ok", text)]


def compare_seeds(trainings: Sequence[Training]) -> list[Diagnosed]:
    """What several seeds of one training say of the order of system and control, by their last losses.

    An order is claimed only from three seeds of each, and where the t-interval of the gap excludes 0.
    """
    groups: dict[str, list[Training]] = {}
    for training in trainings:
        if training.recipe and training.seed is not None and training.positive:
            groups.setdefault(training.recipe, []).append(training)
    return [_order(group) for group in groups.values() if len({one.seed for one in group}) > 1]


def _order(group: Sequence[Training]) -> Diagnosed:
    by_seed = {one.seed: one for one in group}
    gaps = np.array([_end(one.loss) - _end(one.positive) for one in by_seed.values()])
    controls = {(one.positive_name, one.positive_seed) for one in by_seed.values()}
    names = ", ".join(one.system for one in by_seed.values())
    text = f"{len(gaps)} seeds ({names}): the loss ends {gaps.mean():+.3f}"
    if len(gaps) < SEEDS or len(controls) < SEEDS:
        text += f" from the control's; an order takes {SEEDS} seeds of each, and there are {len(controls)} "
        return _said(group, "open", f"{text}of the control")
    half = half_width(gaps)
    if half <= 0.0:  # equal gaps are no certainty
        return _said(group, "open", f"{text} from the control's in each: no order is shown")
    low, high = gaps.mean() - half, gaps.mean() + half
    text += f" [{low:+.3f}, {high:+.3f}] from the control's"
    if low > 0.0:
        return _said(group, "note", f"{text}: above the control")
    if high < 0.0:
        return _said(group, "note", f"{text}: below the control")
    return _said(group, "open", f"{text}: no order is shown")


def half_width(gaps: FloatArray) -> float:
    """Half of the 95% interval of a mean over seeds, by Student's t."""
    return float(stdtrit(len(gaps) - 1, 0.975)) * float(gaps.std(ddof=1)) / math.sqrt(len(gaps))


def _said(group: Sequence[Training], state: State, text: str) -> Diagnosed:
    return Diagnosed(measure="training", system=group[0].system, state=state, text=text)


def _end(curve: Curve) -> float:
    return average(curve, curve[-1][0]) or 0.0


def _row(training: Training, metric: str, where: str, value: float) -> DiagnosticRow:
    return DiagnosticRow(
        measure="training",
        split="train",
        system=training.system,
        setting="training loss",
        where=where,
        metric=metric,
        unit=DIAGNOSTIC_METRICS[metric].unit,
        value=value,
        n=1,
        clusters=1,
        reference=training.positive_name if metric == "loss_gap" else None,
    )
