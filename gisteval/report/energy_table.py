"""The table of a profile's energy, which says whether it is measured or modelled."""

from __future__ import annotations

from gisteval.records.energy_facts import EnergyFacts
from gisteval.report.layout import Table, uses_text


def energy_table(energy: EnergyFacts) -> Table:
    """Return joules a prompt by way, and the uses after which compressing has saved its own."""
    pays = {(row.system, row.baseline): uses_text(row.reuses) for row in energy.break_even}
    baselines = list(dict.fromkeys(row.baseline for row in energy.break_even))
    rows = tuple(
        (
            way.name,
            "-" if way.compress is None else f"{way.compress:.4g}",
            f"{way.each:.4g}",
            *(pays.get((way.name, baseline), "-") for baseline in baselines),
        )
        for way in energy.ways
    )
    return Table(
        "energy",
        f"Energy, {energy.kind}, batch of {energy.batch_size}",
        ("way", "compress J", "each use J", *(f"N* against {name}" for name in baselines)),
        rows,
        f"{energy.kind.capitalize()}: {energy.source}. Joules a prompt.",
    )
