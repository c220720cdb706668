"""Figures of verdicts: wins, ties and losses, and how far position and length sway a judge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gisteval import stats
from gisteval.metrics import word_count
from gisteval.report.claims import short_names
from gisteval.report.figures.style import BLUE, INK, ORANGE, PALE, VERMILLION, column_figure
from gisteval.report.samples import Samples, SystemInfo


@dataclass(frozen=True, slots=True)
class Tally:
    """A system's judged pairs on one split."""

    system: str
    split: str
    wins: int
    ties: int
    losses: int


@dataclass(frozen=True, slots=True)
class Look:
    """A decisive look at two different texts: who won, by position and by length (None: equally long)."""

    first_won: bool
    longer_won: bool | None
    instruction: str


def tallies(samples: Samples, judge: str) -> list[Tally]:
    """Wins, ties and losses by split and system; pairs without an answer are left out."""
    found = []
    for split in samples.splits:
        for system in samples.systems:
            values = [
                judgement.value
                for sample in samples.samples
                if sample.example.split == split and system.name in sample.outputs
                for judgement in [sample.outputs[system.name].judgements.get(judge)]
                if judgement is not None and judgement.value is not None
            ]
            if values:
                wins, losses = sum(v > 0.5 for v in values), sum(v < 0.5 for v in values)
                found.append(Tally(system.name, split, wins, len(values) - wins - losses, losses))
    return found


def decisive_looks(samples: Samples, judge: str, system: SystemInfo) -> Iterator[Look]:
    """The looks of a judge at a system's outputs that chose one of two different texts."""
    for sample in samples.samples:
        own, other = sample.outputs.get(system.name), sample.outputs.get(system.reference or "")
        judgement = own.judgements.get(judge) if own else None
        if own is None or other is None or judgement is None or own.text.strip() == other.text.strip():
            continue
        longer = word_count(own.text) - word_count(other.text)
        for look in judgement.looks:
            if look.choice in ("a", "b"):
                won = look.choice == "a"
                yield Look(
                    won == (look.order == "ab"),
                    None if longer == 0 else won == (longer > 0),
                    sample.example.instruction,
                )


def win_bars(found: Sequence[Tally], folder: Path, name: str) -> None:
    """Stacked bars of wins, ties and losses against the positive control."""
    splits = list(dict.fromkeys(tally.split for tally in found))
    lines: list[tuple[str, Tally | None]] = []
    for split in splits:
        lines.append((split, None))
        lines += [(tally.system, tally) for tally in found if tally.split == split]
    with column_figure(folder, name, 0.7 + 0.19 * len(lines)) as (figure, (axis,)):
        for place, (_, tally) in enumerate(lines):
            if tally is None:
                continue
            total, left = tally.wins + tally.ties + tally.losses, 0.0
            parts = (
                (tally.wins, BLUE, "win"),
                (tally.ties, PALE, "tie"),
                (tally.losses, VERMILLION, "loss"),
            )
            for count, colour, label in parts:
                share = 100 * count / total
                text = label if place == 1 else None
                axis.barh(place, share, left=left, color=colour, height=0.74, label=text)
                if share >= 7:
                    ink = INK if label == "tie" else "#ffffff"
                    axis.text(left + share / 2, place, f"{share:.0f}", ha="center", va="center_baseline",
                              color=ink, fontsize=6)  # fmt: skip
                left += share
        axis.axvline(50, color=INK, linewidth=0.6, linestyle=":")
        short = short_names(tally.system for tally in found)
        axis.set_yticks(range(len(lines)), [short.get(label, label) for label, _ in lines])
        for tick, (_, tally) in zip(axis.get_yticklabels(), lines, strict=True):
            tick.set_fontweight("bold" if tally is None else "normal")
        axis.set_ylim(len(lines) - 0.4, -0.6)
        axis.set_xlim(0, 100)
        axis.tick_params(axis="y", length=0)
        axis.spines["left"].set_visible(False)
        axis.set_xlabel("share of pairs, %")
        figure.legend(loc="outside upper center", ncols=3)


def judge_bias(samples: Samples, judge: str, folder: Path, name: str) -> bool:
    """How often the first answer shown and the longer one win; False if nothing was decided."""
    decided = [(system.name, list(decisive_looks(samples, judge, system))) for system in samples.systems]
    lines = [(system, looks) for system, looks in decided if looks]
    if not lines:
        return False
    if len(lines) > 1:
        lines.append(("all", [look for _, looks in lines for look in looks]))
    with column_figure(folder, name, 0.85 + 0.26 * len(lines)) as (figure, (axis,)):
        for place, (_, looks) in enumerate(lines):
            first = [(look.first_won, look.instruction) for look in looks]
            longer = [(look.longer_won, look.instruction) for look in looks if look.longer_won is not None]
            for outcomes, shift, colour, marker, label in (
                (first, -0.13, BLUE, "o", "first shown wins"),
                (longer, 0.13, ORANGE, "s", "longer wins"),
            ):
                if outcomes:
                    won, clusters = zip(*outcomes, strict=True)
                    estimate = stats.proportion_interval(won, clusters)
                    ends = [estimate.ci_low, estimate.ci_high]
                    axis.plot(ends, [place + shift] * 2, color=colour, linewidth=1)
                    axis.plot(estimate.value, place + shift, marker, color=colour, linestyle="none",
                              label=label if place == 0 else None)  # fmt: skip
        axis.axvline(50, color=INK, linewidth=0.8)
        short = short_names(system.name for system in samples.systems)
        axis.set_yticks(range(len(lines)), [short.get(system, system) for system, _ in lines])
        axis.set_ylim(len(lines) - 0.5, -0.5)
        axis.set_xlim(0, 100)
        axis.tick_params(axis="y", length=0)
        axis.grid(axis="x")
        axis.set_xlabel("share of decided looks, %")
        figure.legend(loc="outside upper center", ncols=2)
    return True
