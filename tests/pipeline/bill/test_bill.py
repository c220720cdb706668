"""The bill as a whole: the command, serving by oneself, and a run's quality."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gisteval.billing.hosting import Hosting, hosted
from gisteval.billing.tables import WIDTH, bill_text
from gisteval.billing.usage import Request
from gisteval.errors import GistevalError
from gisteval.pipeline.bill.bill import make_bill
from gisteval.pipeline.bill.options import BillOptions, parse_share
from gisteval.records.profile_facts import (
    BatchFacts,
    MachineFacts,
    MeasuredWay,
    MedianFacts,
    ModelProfile,
    PhaseSeconds,
    UnitCurves,
)
from gisteval.records.store import write_json

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "examples" / "usage.jsonl"
RUN = ROOT / "tests" / "golden" / "old_run"


def median(seconds: float) -> MedianFacts:
    return MedianFacts(median=seconds, low=None, high=None, n=1, confidence=0.0)


def way(name: str, kind: str, once: float | None, prefill: float, size: float) -> MeasuredWay:
    seconds = PhaseSeconds(None if once is None else median(once), median(prefill), median(0.5), median(9))
    return MeasuredWay(
        name=name, kind=kind, k=1, run_tokens=1, cached_slots=1, stored_bytes=size, seconds=seconds,
        flops=None, peak_memory=None, attained=(),
    )  # fmt: skip


def profile() -> ModelProfile:
    """A batch of 2 in ways whose times are easy to add up."""
    ways = (
        way("no cache", "no_cache", None, 8.0, 0.0),
        way("whole-prompt cache", "whole_cache", 6.0, 2.0, 4e9),
        way("gist-1", "compressed", 7.0, 1.0, 1e9),
        way("negative control", "negative", None, 1.0, 0.0),
    )
    batch = BatchFacts(
        batch_size=2, rounds=1, stopped="budget", left_out=(), examples=2, systems=ways, savings=(),
        break_even=(), curves=UnitCurves(),
    )  # fmt: skip
    machine = MachineFacts(
        device="cpu", dtype="float32", threads=1, flops_per_second=1e9, matrix_size=8,
        bytes_per_second=1e9, copy_bytes=8,
    )  # fmt: skip
    return ModelProfile(
        schema_version=2, model="m", weights="w", source="s", examples=2, output_tokens=2, time_budget=1.0,
        versions={}, device="cpu", dtype="float32", threads=1, clock="c", parameters=1,
        closed_form_note=None, machine=machine, batches=(batch,), storage=(), by_prompt_length=(),
    )  # fmt: skip


def test_serving_by_oneself_adds_up_measured_times() -> None:
    """At 3,600 dollars an hour a second costs one; a batch of two halves it; loading takes its time."""
    month = 30 * 86400.0
    requests = [Request(0.0, "a", "m", 10, 1, 1), Request(month, "a", "m", 10, 1, 5)]
    found = hosted(requests, Hosting(profile(), 3600.0, 0.5, 1e9))
    gist = (1 + 1 + 4 * 0.5) / 2
    use = [(8 + 8 + 4 * 0.5) / 2, (2 + 2 + 4 * 0.5) / 2 + 2 * 4, gist + 2 * 1, gist + 2 * 7 / 2]
    made, kept = [0, 6 / 2, 7 / 2, 0], [0, 0.5 * 4, 0.5 * 1, 0]
    assert found.ways == ("no cache", "whole-prompt cache", "gist-1, stored", "gist-1, made anew")
    np.testing.assert_allclose(found.dollars, [np.add(np.add(use, made), kept)])
    assert found.hit_rates == (None, 0.5, 0.5, None)


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
