from __future__ import annotations

import pytest

from gisteval.records.energy_facts import EnergyBreakEven, EnergyFacts, WayEnergy
from gisteval.report.energy_table import energy_table


@pytest.mark.parametrize("kind", ["measured", "modelled"])
def test_the_table_says_what_it_rests_on(kind) -> None:
    pays = EnergyBreakEven(system="gist-1", baseline="no cache", saved_each=3.0, reuses=2, net=2)
    facts = EnergyFacts(
        kind=kind,
        source="50 W",
        batch_size=2,
        ways=(
            WayEnergy(name="no cache", compress=None, each=4.0),
            WayEnergy(name="gist-1", compress=6.0, each=1.0),
        ),
        break_even=(pays,),
    )
    table = energy_table(EnergyFacts.from_json(facts.to_json()))
    assert table.title == f"Energy, {kind}, batch of 2"
    assert table.note == f"{kind.capitalize()}: 50 W. Joules a prompt."
    assert table.columns == ("way", "compress J", "each use J", "N* against no cache")
    assert table.rows == (("no cache", "-", "4", "-"), ("gist-1", "6", "1", "2"))
