"""A bill as what JSON holds: nothing that strict JSON lacks, and every part by its name."""

from __future__ import annotations

import json
import math

from usage_logs import PRICE, PROMPT, RHO, OnePrice, requests

from gisteval.billing.content import Bill, Flip, Flips, Served
from gisteval.billing.replay import replay
from gisteval.billing.totals import totals
from gisteval.billing.ways import WAYS, Compression, cheapest_by_uses, flip, prompt_dollars


def test_a_bill_is_strict_json_with_every_part_by_its_name() -> None:
    compression = Compression(RHO)
    lines = prompt_dollars(PROMPT, PRICE, compression)
    at = flip(lines[WAYS[0]], lines[WAYS[1]])
    assert math.isfinite(at)
    flips = Flips(PROMPT, "m", 3.0, cheapest_by_uses(lines), (Flip(WAYS[0], WAYS[1], at),))
    costs = totals(replay(requests(3, 10.0), OnePrice(), compression), 3)
    bill = Bill(3, 1, 0.1, RHO, (Served("m", costs, flips),), (), ("sheet",), ())
    found = json.loads(json.dumps(bill.to_json(), allow_nan=False))
    (served,) = found["served"]
    assert [cost["way"] for cost in served["costs"]] == [cost.way for cost in costs]
    assert served["flips"]["flips"] == [{"first": WAYS[0], "then": WAYS[1], "uses": at}]
    assert [step["uses"] for step in served["flips"]["cheapest"]] == [s.uses for s in flips.cheapest]
    assert (found["kept"], found["quality"], found["sources"]) == (RHO, [], ["sheet"])
