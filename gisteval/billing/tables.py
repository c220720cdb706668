"""A bill as text for a terminal of 80 columns."""

from __future__ import annotations

import textwrap

from gisteval.billing.content import Bill, Flips, Served
from gisteval.billing.quality import QualityCost
from gisteval.billing.totals import WayCost
from gisteval.errors import counted
from gisteval.report.layout import Table, plain_text

WIDTH = 80


def bill_text(bill: Bill) -> str:
    """The whole bill."""
    head = (
        f"{counted(bill.requests, 'request')} behind {counted(bill.prompts, 'prompt')} within "
        f"{bill.days:.1f} days; compression keeps {bill.kept:.0%}\n"
    )
    parts = [head]
    for served in bill.served:
        parts += [
            plain_text(_costs(served)),
            _wrapped(answer(served.costs)),
            _wrapped(_flips_text(served.flips)),
            "",
        ]
    if bill.quality:
        parts.append(plain_text(_quality(bill.quality)))
    parts += [_wrapped(f"source: {source}") for source in bill.sources]
    parts += [_wrapped(f"note: {note}") for note in bill.notes]
    return "\n".join(parts)


def answer(costs: tuple[WayCost, ...]) -> str:
    """Which way is the cheapest, by how much, and how sure that is."""
    best, *others = costs
    if not others:
        return f"{best.way}: the only way"
    following = others[0]
    ends = "" if following.low is None else f" [{following.low:.1f}, {following.high:.1f}]"
    sure = "" if best.wins is None else f"; the cheapest in {best.wins:.0%} of the draws"
    return (
        f"cheapest: {best.way}. It saves {following.above:.1f}%{ends} of {following.way!r}, the next{sure}."
    )


def _costs(served: Served) -> Table:
    rows = tuple(
        (
            cost.way,
            f"{cost.dollars:,.4g}" if cost.dollars < 1 else f"{cost.dollars:,.2f}",
            f"{cost.per_thousand:,.4g}",
            "-" if cost.hit_rate is None else f"{cost.hit_rate:.0%}",
            "-" if cost is served.costs[0] else f"{cost.above:.1f}%",
            "" if cost.low is None else f"{cost.low:.1f} to {cost.high:.1f}",
        )
        for cost in served.costs
    )
    columns = ("way", "dollars", "per 1,000", "hits", "saved", "95% interval")
    return Table("bill", served.where, columns, rows, "saved: what the cheapest saves of this way's cost.")


def _flips_text(flips: Flips) -> str:
    steps = [f"from {counted(step.uses, 'use')}: {step.way}" for step in flips.cheapest]
    pairs = [
        f"{flip.first} and {flip.then} at {flip.uses:.3g}" for flip in flips.flips if flip.uses is not None
    ]
    equal = f" Equal cost: {'; '.join(pairs)} uses." if pairs else " No two of the ways change places."
    return (
        f"a prompt of {flips.prompt_tokens:,.0f} tokens is cheapest {', '.join(steps)} (in the log: "
        f"{flips.uses_seen:.1f} uses).{equal}"
    )


def _quality(costs: tuple[QualityCost, ...]) -> Table:
    rows = tuple(
        (
            cost.system,
            cost.split,
            f"{cost.kept:.0%}",
            f"{cost.retained:.1f}",
            f"{cost.per_thousand:,.4g}",
            "-" if cost.per_point is None else f"{cost.per_point:.4g}",
            "" if cost.per_point_low is None else _ends(cost.per_point_low, cost.per_point_high),
        )
        for cost in costs
    )
    columns = ("system", "split", "kept", "retained", "per 1,000", "a point", "95% interval")
    title = f"Dollars for 1,000 requests and retained point of {costs[0].metric}"
    return Table("quality", title, columns, rows)


def _ends(low: float, high: float | None) -> str:
    return f"{low:.3g} to {'any' if high is None else f'{high:.3g}'}"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent="  ", subsequent_indent="    ")
