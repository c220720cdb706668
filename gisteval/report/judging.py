"""Tables of what judges said, and of how far to trust them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gisteval.report.layout import Table, plain_text
from gisteval.report.tables import interval_text

Entry = Mapping[str, Any]

_RATES = ("system", "split", "win rate %", "won / tied / lost", "adjusted %", "equal outputs", "pairs")
_NOISE = (
    "system",
    "split",
    "flips %",
    "first shown wins %",
    "longer wins %",
    "points a doubling of length",
    "agrees with itself %",
    "kappa",
    "no answer",
    "cost $",
)
_RATE_NOTE = (
    "Against the positive control {reference}, ties half, 95% intervals clustered by instruction. "
    "Adjusted: at equal length and in no place. Equal outputs are ties without a call."
)
_NOISE_NOTE = (
    "Flips: pairs that the two orders decide differently. First shown, longer: of the decided looks at "
    "outputs that differ; 50 is no preference. Agrees with itself: looks taken twice."
)


def judging_tables(entries: Sequence[Entry]) -> list[Table]:
    """For each judge its win rates, and how it behaves. entries: the block `judging` of results.json."""
    tables = []
    for judge in dict.fromkeys(entry["judge"] for entry in entries):
        pairs = [e for e in entries if e["judge"] == judge and e["kind"] == "pairs"]
        control = [e for e in entries if e["judge"] == judge and e["kind"] == "control"]
        if not pairs:
            continue
        references = ", ".join(dict.fromkeys(e["reference"] for e in pairs))
        slug = "".join(letter if letter.isalnum() or letter in "-." else "_" for letter in judge)
        rates = tuple(_rate_cells(entry) for entry in pairs)
        figures = tuple(_noise_cells(entry) for entry in pairs)
        note = _RATE_NOTE.format(reference=references)
        tables.append(Table(f"win_rate-{slug}", f"Win rates, judge {judge}", _RATES, rates, note))
        title = f"How judge {judge} behaves"
        note = " ".join([_NOISE_NOTE, *map(_control_text, control)])
        tables.append(Table(f"noise-{slug}", title, _NOISE, figures, note))
    return tables


def judging_text(entries: Sequence[Entry]) -> str:
    """The tables for a terminal."""
    return "\n".join(map(plain_text, judging_tables(entries)))


def _rate_cells(entry: Entry) -> tuple[str, ...]:
    missing = f" ({entry['missing_pairs']} without answer)" if entry["missing_pairs"] else ""
    return (
        entry["system"],
        entry["split"],
        _interval(entry["win_rate"]),
        f"{entry['wins']} / {entry['ties']} / {entry['losses']}",
        _interval(entry["win_rate_adjusted"]),
        str(entry["equal_outputs"]),
        f"{entry['pairs']}{missing}",
    )


def _noise_cells(entry: Entry) -> tuple[str, ...]:
    again = entry["again"]
    kappa = None if again is None else again["kappa"]
    return (
        entry["system"],
        entry["split"],
        _interval(entry["flip_rate"]),
        _interval(entry["first_shown_share"]),
        _interval(entry["longer_share"]),
        _interval(entry["length_slope"]),
        "-" if again is None else f"{again['agreement']:.0f} (n = {again['n']})",
        "-" if kappa is None else f"{kappa:.2f}",
        f"{entry['errors'] + entry['invalid']} of {entry['looks']}",
        f"{entry['cost']:.4f}",
    )


def _control_text(entry: Entry) -> str:
    first = entry["first_shown_share"]
    decided = "" if first is None else f", and the first shown in {first:.0f}% of the others"
    return (
        f"The control against itself ({entry['split']}, {entry['answered']} looks): a tie in "
        f"{entry['ties']:.0f}%{decided}."
    )


def _interval(found: Mapping[str, float | None] | None) -> str:
    if found is None or found["value"] is None:
        return "-"
    return interval_text(found["value"], found["ci_low"], found["ci_high"], 1)
