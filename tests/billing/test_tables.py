"""What a bill says in words."""

from __future__ import annotations

from gisteval.billing.content import Bill, Flip, Flips, Served
from gisteval.billing.tables import WIDTH, answer, bill_text
from gisteval.billing.totals import WayCost
from gisteval.billing.ways import Stretch

BEST = WayCost("whole, cached", 12.0, 30.0, 0.9, 0.0, None, None, 0.97)
NEXT = WayCost("whole", 48.0, 120.0, None, 75.0, 70.0, 79.96, 0.03)


def test_the_answer_names_the_next_way_and_how_sure_it_is() -> None:
    assert answer((BEST, NEXT)) == (
        "cheapest: whole, cached. It saves 75.0% [70.0, 80.0] of 'whole', the next; the cheapest in 97% "
        "of the draws."
    )
    few = [
        WayCost(cost.way, cost.dollars, 1.0, None, cost.above, None, None, None) for cost in (BEST, NEXT)
    ]
    assert answer(tuple(few)) == "cheapest: whole, cached. It saves 75.0% of 'whole', the next."
    assert answer((BEST,)) == "whole, cached: the only way"


def test_flips_and_notes_stand_within_the_terminal() -> None:
    stretches = (Stretch(1, "whole"), Stretch(2, "whole, cached"))
    flips = Flips(
        4000.0, "m", 16.7, stretches, (Flip("whole", "whole, cached", 1.25), Flip("whole", "b", None))
    )
    served = Served("the provider", (BEST, NEXT), flips)
    text = bill_text(Bill(1, 2, 0.25, 0.1, (served,), (), ("sheet",), ("long " * 30,)))
    assert text.startswith("1 request behind 2 prompts within 0.2 days; compression keeps 10%\n")
    said = " ".join(text.split())
    assert "from 1 use: whole, from 2 uses: whole, cached (in the log: 16.7 uses)." in said
    assert "Equal cost: whole and whole, cached at 1.25 uses." in said and "whole and b" not in said
    assert max(map(len, text.splitlines())) <= WIDTH
    still = Flips(4000.0, "m", 1.0, stretches[:1], flips.flips[1:])
    assert "No two of the ways" in bill_text(
        Bill(1, 1, 0.0, 1.0, (Served("x", (BEST,), still),), (), (), ())
    )
