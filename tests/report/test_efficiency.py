"""The efficiency table from measured profiles and from released timings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from gisteval.records.profile_facts import (
    BatchFacts,
    FlopsFacts,
    MachineFacts,
    MeasuredWay,
    MedianFacts,
    ModelProfile,
    PhaseSeconds,
    SavingFacts,
    UnitCurves,
)
from gisteval.records.run_folder import RunFolder
from gisteval.records.shape_facts import (
    BoundedFacts,
    Profile,
    ReleasedProfile,
    ReleasedSaving,
    ReleasedWay,
)
from gisteval.report.data import ReportData, RunData
from gisteval.report.efficiency import cost_claims, efficiency_tables


def data(*profiles: Profile | None) -> ReportData:
    runs = (RunData("r", RunFolder(Path("r")), {}, (), (), profile) for profile in profiles)
    return ReportData(tuple(runs))


def measured(name: str, median: float, prefill: float | None, stored: float, n: int = 9) -> MeasuredWay:
    """A way whose each use takes `median`; without prefill its FLOPs could not be counted."""
    end = MedianFacts(median=median, low=median - 0.001, high=median + 0.001, n=n, confidence=0.95)
    flops = None
    if prefill is not None:
        flops = FlopsFacts(compress=0.0, prefill=prefill, decode=1e9, each=prefill + 1e9)
    return MeasuredWay(
        name=name, kind="x", k=1, run_tokens=9.0, cached_slots=1.0, stored_bytes=stored,
        seconds=PhaseSeconds(None, end, end, end), flops=flops, peak_memory=None, attained=(),
    )  # fmt: skip


def saving(**changes: Any) -> SavingFacts:
    known: dict[str, Any] = {
        "system": "gist-1", "baseline": "no cache", "phase": "end_to_end", "median": 0.003, "low": 0.002,
        "high": 0.004, "n": 9, "confidence": 0.95, "percent": 30.0, "percent_interval": (20.0, 40.0),
        "p_value": 0.004,
    }  # fmt: skip
    return SavingFacts(**{**known, **changes})


def model_profile(rounds: int, ways: list[MeasuredWay], savings: list[SavingFacts]) -> ModelProfile:
    batch = BatchFacts(
        batch_size=1, rounds=rounds, stopped="narrow", left_out=(), examples=9, systems=tuple(ways),
        savings=tuple(savings), break_even=(), curves=UnitCurves(),
    )  # fmt: skip
    machine = MachineFacts(
        device="cpu", dtype="float32", threads=1, flops_per_second=1e10, matrix_size=9,
        bytes_per_second=1e9, copy_bytes=9,
    )  # fmt: skip
    return ModelProfile(
        schema_version=2, model="x", weights="x-gist-1", source="t/s", examples=9, output_tokens=3,
        time_budget=9.0, versions={}, device="cpu", dtype="float32", threads=1, clock="c", parameters=9,
        closed_form_note=None, machine=machine, batches=(batch,), storage=(), by_prompt_length=(),
    )  # fmt: skip


def test_a_measured_profile_shows_every_way_and_paired_savings() -> None:
    ways = [
        measured("no cache", 0.010, 9e9, 0),
        measured("whole-prompt cache", 0.008, 4e9, 2e6),
        measured("gist-1", 0.007, 3e9, 5e3),
        measured("negative control", 0.007, 3e9, 0),
    ]
    savings = [saving(), saving(phase="prefill", percent=77.0)]
    profile = model_profile(9, ways, savings)
    (table,) = efficiency_tables(data(profile))
    rows = {row[1]: row[2:] for row in table.rows}
    assert list(rows) == ["no cache", "whole-prompt cache", "gist-1", "negative control"]
    assert rows["no cache"] == ("10.00 [9.00, 11.00]", "10 G", "-", "-", "-", "-", "1.0", "0 B")
    assert rows["whole-prompt cache"][4:6] == ("50.0", "-")
    assert rows["gist-1"][2:] == ("30.0 [20.0, 40.0]", "-", "60.0", "20.0", "1.0", "5 kB")
    assert "batch 1, cpu" in table.note
    (claim,) = cost_claims(data(profile))
    assert (claim.text, claim.finding) == ("x-gist-1, gist-1 takes less time than no cache", "shown")
    assert claim.evidence == "30.0 [20.0, 40.0]% saved"


def test_a_single_repetition_is_no_ground_for_a_claim() -> None:
    """Nor are five: no interval of theirs covers 95%."""
    for passes, said in ((1, "One repetition: no interval"), (5, "range (it covers 94%, not 95%)")):
        ways = [measured(name, 0.010, None, 0, passes) for name in ("no cache", "gist-1")]
        one = saving(n=passes, percent_interval=None, p_value=0.001)
        profile = model_profile(passes, ways, [one])
        (claim,) = cost_claims(data(profile))
        assert claim.finding == "open" and said in claim.evidence
        (table,) = efficiency_tables(data(profile))
        assert said in table.note
        assert [row[3] for row in table.rows] == ["-", "-"]  # FLOPs that could not be counted
        assert [("[" in row[2]) for row in table.rows] == [passes > 1] * 2


def test_released_timings_stand_beside_measured_ones() -> None:
    savings = (
        ReleasedSaving(baseline="no cache", unit="seconds", value=6.8, low=5.5, high=8.1, p_value=0.001),
        ReleasedSaving(baseline="no cache", unit="flops", value=39.6, low=36.0, high=43.0),
    )
    way = ReleasedWay(
        model="llama-7b", way="gist-1", rows=252, milliseconds=BoundedFacts(21.847, 21.0, 22.7),
        flops=552.5e9, cached_slots=1.0, stored_bytes=1_048_576.0, saved=savings,
    )  # fmt: skip
    untimed = replace(way, way="negative control", milliseconds=None, stored_bytes=None, saved=())
    released = ReleasedProfile(files=(), ways=(way, untimed))
    (table,) = efficiency_tables(data(None, released))
    assert table.rows[0] == (
        *("llama-7b", "gist-1", "21.85 [21.00, 22.70]", "552.5 G", "6.8 [5.5, 8.1]", "-"),
        *("39.6", "-", "1.0", "1.05 MB"),
    )
    (claim,) = cost_claims(data(released))
    assert (claim.text, claim.finding) == ("llama-7b, gist-1 takes less time than no cache", "shown")
    assert table.rows[1][2:] == ("-", "552.5 G", "-", "-", "-", "-", "1.0", "-")


def test_runs_without_timings_have_no_table() -> None:
    assert efficiency_tables(data(None)) == []
    assert cost_claims(data(None)) == []


def test_a_saving_whose_interval_holds_zero_is_left_open() -> None:
    item = ReleasedSaving(baseline="no cache", unit="seconds", value=1.0, low=-0.5, high=2.5, p_value=0.2)
    way = ReleasedWay(
        model="m", way="gist-1", rows=9, milliseconds=None, flops=1.0, cached_slots=1.0, stored_bytes=None,
        saved=(item,),
    )  # fmt: skip
    worse = replace(way, saved=(replace(item, value=-2.0, low=-3.0, high=-1.0, p_value=0.01),))
    among_many = replace(way, saved=(replace(item, low=0.1, p_value=0.11),))  # after its correction
    claims = cost_claims(data(ReleasedProfile(files=(), ways=(way, worse, among_many))))
    assert [(claim.finding, "takes less time" in claim.text) for claim in claims] == [
        ("open", True),
        ("shown", False),
        ("open", True),
    ]
