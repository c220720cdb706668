"""Figures of verdicts: wins, ties and losses, and the influence of position and length on a judge.

The numbers are those of the tables, from the block `judging` of results.json. Nothing is counted here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gisteval.records.judge_figures import Interval, PairFigures
from gisteval.report.claims import short_names
from gisteval.report.figures.folder import FigureFolder
from gisteval.report.figures.style import BLUE, INK, ORANGE, PALE, VERMILLION, column_figure

_OUTCOMES = (("wins", BLUE, "win"), ("ties", PALE, "tie"), ("losses", VERMILLION, "loss"))
_SHARES = (
    ("first_shown_share", -0.13, BLUE, "o", "first shown wins"),
    ("longer_share", 0.13, ORANGE, "s", "longer wins"),
)


def decided(entries: Sequence[PairFigures]) -> list[PairFigures]:
    """Return the entries that have a pair with an answer."""
    return [entry for entry in entries if entry.wins + entry.ties + entry.losses]


def swayed(entries: Sequence[PairFigures]) -> list[PairFigures]:
    """Return the entries that state how often the output shown first, or the longer one, wins."""
    return [entry for entry in entries if any(getattr(entry, name) is not None for name, *_ in _SHARES)]


def _lines(entries: Sequence[PairFigures]) -> list[tuple[str, PairFigures | None]]:
    """Return the labels of the lines: the name of each split (without an entry), then its systems."""
    lines: list[tuple[str, PairFigures | None]] = []
    for split in dict.fromkeys(entry.split for entry in entries):
        lines.append((split, None))
        lines += [(entry.system, entry) for entry in entries if entry.split == split]
    return lines


def _label(axis: Any, lines: Sequence[tuple[str, PairFigures | None]]) -> None:
    """Label the lines from top to bottom, splits in bold."""
    short = short_names(label for label, entry in lines if entry is not None)
    names = [short.get(label, label) if entry else label for label, entry in lines]
    axis.set_yticks(range(len(lines)), names)
    for tick, (_, entry) in zip(axis.get_yticklabels(), lines, strict=True):
        tick.set_fontweight("bold" if entry is None else "normal")
    axis.set_ylim(len(lines) - 0.4, -0.6)
    axis.set_xlim(0, 100)
    axis.tick_params(axis="y", length=0)


def win_bars(entries: Sequence[PairFigures], folder: FigureFolder, name: str) -> None:
    """Draw stacked bars of wins, ties and losses against the positive control, of `decided` entries."""
    lines = _lines(entries)
    with column_figure(folder, name, 0.7 + 0.19 * len(lines)) as (figure, (axis,)):
        for place, (_, entry) in enumerate(lines):
            if entry is None:
                continue
            total, left = sum(getattr(entry, part) for part, *_ in _OUTCOMES), 0.0
            for part, colour, label in _OUTCOMES:
                share = 100 * getattr(entry, part) / total
                text = label if place == 1 else None
                axis.barh(place, share, left=left, color=colour, height=0.74, label=text)
                if share >= 7:
                    ink = INK if label == "tie" else "#ffffff"
                    axis.text(left + share / 2, place, f"{share:.0f}", ha="center", va="center_baseline",
                              color=ink, fontsize=6)  # fmt: skip
                left += share
        axis.axvline(50, color=INK, linewidth=0.6, linestyle=":", zorder=0.5)  # behind the bars' numbers
        _label(axis, lines)
        axis.spines["left"].set_visible(False)
        axis.set_xlabel("share of pairs, %")
        figure.legend(loc="outside upper center", ncols=3)


def judge_bias(entries: Sequence[PairFigures], folder: FigureFolder, name: str) -> None:
    """Draw how often the answer shown first and the longer one win, of `swayed` entries."""
    lines = _lines(entries)
    named: set[str] = set()
    with column_figure(folder, name, 0.85 + 0.2 * len(lines)) as (figure, (axis,)):
        for place, (_, entry) in enumerate(lines):
            if entry is None:
                continue
            for part, shift, colour, marker, label in _SHARES:
                share: Interval | None = getattr(entry, part)
                if share is None or share.value is None:
                    continue
                if share.ci_low is not None and share.ci_high is not None:
                    ends = [share.ci_low, share.ci_high]
                    axis.plot(ends, [place + shift] * 2, color=colour, linewidth=1)
                axis.plot(share.value, place + shift, marker, color=colour, linestyle="none",
                          label=None if label in named else label)  # fmt: skip
                named.add(label)
        axis.axvline(50, color=INK, linewidth=0.8)
        _label(axis, lines)
        axis.grid(axis="x")
        axis.set_xlabel("share of decided comparisons, %")
        figure.legend(loc="outside upper center", ncols=2)
