"""A measured profile is read as it was written; what does not apply is not written, and reads as None."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gisteval.records.json_object import WrongField
from gisteval.records.profile_facts import (
    BatchFacts,
    BreakEvenFacts,
    MachineFacts,
    MeasuredWay,
    MedianFacts,
    ModelProfile,
    PeakFacts,
    PhaseSeconds,
    SavingFacts,
    ScenarioFacts,
    StorageFacts,
    UnitCurves,
    WayFacts,
)

MEDIAN = MedianFacts(median=0.5, low=None, high=None, n=3, confidence=0.95)
WAY = MeasuredWay(
    name="gist-1", kind="compressed", k=1, run_tokens=4.5, cached_slots=1.0, stored_bytes=96.0,
    seconds=PhaseSeconds(MEDIAN, MEDIAN, MEDIAN, MEDIAN), flops=None, peak_memory=PeakFacts(7, "seen"),
    attained=(), compress_parts={"pass": 0.5},
)  # fmt: skip
SAVING = SavingFacts(
    system="gist-1", baseline="no cache", phase="prefill", percent=20.0, percent_interval=(1.0, 30.0),
    p_value=0.04, median=0.1, low=None, high=0.2, n=3, confidence=0.95,
)  # fmt: skip
PAYS = BreakEvenFacts(
    system="gist-1", unit="seconds", baseline="no cache", saved_each=0.1, reuses=None, net=5, hit_rate=0.5,
    interval=(3, None),
)  # fmt: skip
PROFILE = ModelProfile(
    schema_version=2, model="tiny", weights="d", source="tiny test", examples=4, output_tokens=8,
    time_budget=60.0, versions={"torch": "2"}, device="cpu", dtype="float32", threads=1, clock="perf",
    parameters=9, closed_form_note=None, device_map={"": "cpu"},
    machine=MachineFacts(
        device="cpu", dtype="float32", threads=1, flops_per_second=1e9, matrix_size=8,
        bytes_per_second=1e9, copy_bytes=8,
    ),
    batches=(
        BatchFacts(
            batch_size=2, rounds=3, stopped="budget", left_out=("warming up",), examples=4, systems=(WAY,),
            savings=(SAVING,), break_even=(PAYS,), curves=UnitCurves(),
        ),
    ),
    storage=(
        StorageFacts(name="gist-1", bytes_per_prompt=96.0, totals={"10": 960.0}, budget=9, fits=None),
    ),
    by_prompt_length=(),
)  # fmt: skip


def scenario(**more: object) -> ScenarioFacts:
    way = WayFacts(
        name="gist", flops_once=1.0, flops_each=2.0, seconds_once=1.0, seconds_each=2.0, batch_bytes=3.0,
        stored_bytes=4.0, **more,
    )  # fmt: skip
    return ScenarioFacts(
        shape="tiny", prompt_tokens=4, k=1, batch=1, ways=(way, replace(way, name="x")), break_even=()
    )


def test_a_measured_profile_survives_json() -> None:
    line = json.dumps(PROFILE.to_json(), allow_nan=False)
    assert ModelProfile.from_json(json.loads(line)) == PROFILE
    batch = json.loads(line)["batches"][0]
    assert batch["curves"] == {} and batch["break_even"][0]["interval"] == [3, None]


def test_a_file_of_before_the_parts_of_compressing_has_none() -> None:
    content = WAY.to_json()
    del content["compress_parts"]
    assert MeasuredWay.from_json(content) == replace(WAY, compress_parts=None)
    assert replace(WAY, compress_parts=None).to_json() == content


def test_what_follows_from_a_memory_budget_is_written_with_one_alone() -> None:
    names = {"stored_totals", "prompts_that_fit"}
    without, within = scenario(), scenario(stored_totals={"10": 40.0})
    assert not names & without.to_json()["ways"][0].keys()
    assert within.to_json()["ways"][0]["prompts_that_fit"] is None  # any number fits
    for facts in (without, within):
        assert ScenarioFacts.from_json(json.loads(json.dumps(facts.to_json()))) == facts
    assert within.way("x").name == "x"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"batch_size": 0}, "batch_size is 0"),
        ({"savings": [{**SAVING.to_json(), "p_value": "small"}]}, "savings[0].p_value is 'small'"),
        (
            {"break_even": [{**PAYS.to_json(), "unit": "hours"}]},
            "break_even[0].unit is 'hours'",
        ),
        ({"systems": [{**WAY.to_json(), "name": ""}]}, "systems[0].name is ''"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, object], says: str) -> None:
    with pytest.raises(WrongField) as refused:
        BatchFacts.from_json({**PROFILE.batches[0].to_json(), **change})
    assert says in str(refused.value)
