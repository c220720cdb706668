"""The bill as a whole: a provider's prices, serving by oneself, and a run's quality."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from measured_profiles import profile

from gisteval.billing.tables import WIDTH, bill_text
from gisteval.errors import GistevalError
from gisteval.pipeline.bill.bill import make_bill
from gisteval.pipeline.bill.options import BillOptions, parse_share
from gisteval.records.store import write_json

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "examples" / "usage.jsonl"
RUN = ROOT / "tests" / "golden" / "old_run"


def test_a_bill_joins_provider_machine_and_quality(tmp_path: Path) -> None:
    write_json(tmp_path / "profile.json", profile().to_json())
    options = BillOptions(quality=RUN, profile=tmp_path, dollars_per_hour=2.0, kept=parse_share("10%"))
    made = make_bill(EXAMPLE, options)
    assert (made.requests, made.prompts, len(made.served)) == (400, 24, 2)
    gist, control = (item for item in made.quality if item.split == "seen")
    assert (gist.system, control.system) == ("wordplay-llama-gist-1", "wordplay-llama-pos_control-1")
    assert gist.kept == pytest.approx(1 / 7.5) and gist.retained == 100.0
    assert gist.per_point == pytest.approx(gist.per_thousand / 100)
    whole = next(cost for cost in made.served[0].costs if cost.way == "whole, cached")
    assert control.per_thousand == pytest.approx(whole.per_thousand)
    alone = make_bill(EXAMPLE, replace(options, kept=1 / 7.5, quality=None))
    best = min(cost.per_thousand for cost in alone.served[0].costs if cost.way.startswith("compressed"))
    assert gist.per_thousand == pytest.approx(best)
    json.dumps(made.to_json(), allow_nan=False)
    text = bill_text(alone)
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "cheapest: compressed once, cached. It saves" in text


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"profile": RUN, "dollars_per_hour": 1.0}, "holds no measured times"),
        ({"quality": RUN, "metric": "length"}, "no compressed system with a retention of length"),
        ({"model": "gpt-4.1", "prices": "nowhere.yaml"}, "price sheet nowhere.yaml can't be read"),
    ],
)
def test_what_does_not_fit_is_one_line(given: dict[str, object], said: str) -> None:
    with pytest.raises(GistevalError) as error:
        make_bill(EXAMPLE, BillOptions(**given))
    assert said in str(error.value) and "\n" not in str(error.value)
