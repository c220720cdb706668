"""What profile.json says of measured checkpoints and of what-if sweeps, as typed values.

Times are in seconds (of a batch), sizes in bytes. `shape_facts` has the kinds that measure nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from gisteval.records.energy_facts import EnergyFacts
from gisteval.records.json_object import OPTIONAL, Count, JsonObject, Name, Positive, Text
from gisteval.records.machine_facts import MachineFacts, PublishedMachine

PROFILE_VERSION = 2
"""Of the content of a profile: measured and swept ones of another version are not read."""

Unit = Literal["flops", "seconds"]


@dataclass(frozen=True, kw_only=True)
class MedianFacts(JsonObject):
    """A median of n repetitions with its interval; low and high are None for too few."""

    median: float
    low: float | None
    high: float | None
    n: Count
    confidence: float


@dataclass(frozen=True, kw_only=True)
class BreakEvenFacts(JsonObject):
    """Uses of a prompt until compressing it pays.

    Attributes:
        system: The way; None in a scenario, which has one compressed way.
        saved_each: What a use saves, in FLOPs or seconds.
        reuses: None if it never pays.
        net: The same with what the baseline's own cache costs.
        hit_rate: Share of uses that must find the prompt stored, 0 to 1; None if it never pays.
        interval: Of the reuses, None where the saving has none.
    """

    system: Name | None = field(default=None, metadata=OPTIONAL)
    unit: Unit
    baseline: Name
    saved_each: float
    reuses: Count | None
    net: Count | None
    hit_rate: float | None = field(default=None, metadata=OPTIONAL)
    interval: tuple[Count | None, Count | None] | None = None


@dataclass(frozen=True)
class CurveFacts(JsonObject):
    """Total cost of a way to serve a prompt after each of several numbers of uses."""

    name: Name
    uses: tuple[Positive, ...]
    totals: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class WayFacts(JsonObject):
    """A way to serve a prompt in a scenario: what it costs when the prompt is new, and at each use.

    Attributes:
        stored_totals: Bytes of many prompts, by their number. None without a memory budget.
        prompts_that_fit: Into the memory budget; None if any number does, or there is none.
    """

    name: Name
    flops_once: float
    flops_each: float
    seconds_once: float
    seconds_each: float
    batch_bytes: float
    stored_bytes: float
    stored_totals: Mapping[str, float] | None = None
    prompts_that_fit: Count | None = None

    def to_json(self) -> dict[str, object]:
        """The way; what follows from a memory budget is not written without one."""
        content = super().to_json()
        if self.stored_totals is None:
            del content["stored_totals"], content["prompts_that_fit"]
        return content


@dataclass(frozen=True, kw_only=True)
class ScenarioFacts(JsonObject):
    """One combination of lengths on a shape, from the closed form."""

    shape: str
    prompt_tokens: Count
    k: Count
    batch: Positive
    ways: tuple[WayFacts, ...]
    break_even: tuple[BreakEvenFacts, ...]
    curves: tuple[CurveFacts, ...] | None = field(default=None, metadata=OPTIONAL)

    def way(self, name: str) -> WayFacts:
        """The way of a name."""
        return next(way for way in self.ways if way.name == name)


@dataclass(frozen=True, kw_only=True)
class WhatIfProfile(JsonObject):
    """A sweep over lengths without weights. value_bytes: of a number in the cache."""

    schema_version: Count
    kind: Literal["what_if"] = "what_if"
    machine: PublishedMachine
    input_tokens: Count
    output_tokens: Count
    value_bytes: Count
    memory_budget: Positive
    rows: tuple[ScenarioFacts, ...]


@dataclass(frozen=True)
class PhaseSeconds(JsonObject):
    """What a way takes; compress is paid once, end_to_end is each use."""

    compress: MedianFacts | None
    prefill: MedianFacts
    decode_token: MedianFacts
    end_to_end: MedianFacts


@dataclass(frozen=True, kw_only=True)
class FlopsFacts(JsonObject):
    """Mean FLOPs of an example; decode covers all decoded tokens, each is one use."""

    compress: float
    prefill: float
    decode: float
    each: float


@dataclass(frozen=True)
class PeakFacts(JsonObject):
    """Most bytes in use at once, and how that was found out."""

    bytes: Count
    method: str


@dataclass(frozen=True, kw_only=True)
class AttainedFacts(JsonObject):
    """A phase beside the machine's roof. intensity: FLOPs a byte; share: of the roof, 0 to 1."""

    phase: str
    flops_per_second: float
    bytes_per_second: float
    intensity: float
    bound: str
    share: float


@dataclass(frozen=True, kw_only=True)
class MeasuredWay(JsonObject):
    """One way to serve a prompt, measured at one batch size.

    Attributes:
        kind: no_cache, whole_cache, compressed, oracle or negative.
        run_tokens: Mean tokens that each use runs, behind cached_slots.
        flops: None where they can't be counted.
        compress_parts: Seconds of compressing a batch by part (the observed pass, scoring, selection,
            learning, another model's pass), timed in passes of their own. None in files of older versions,
            and for what compresses nothing.
    """

    name: Name
    kind: str
    k: Count
    run_tokens: float
    cached_slots: float
    stored_bytes: float
    seconds: PhaseSeconds
    flops: FlopsFacts | None
    peak_memory: PeakFacts | None
    attained: tuple[AttainedFacts, ...]
    compress_parts: Mapping[str, float] | None = field(default=None, metadata=OPTIONAL)


@dataclass(frozen=True, kw_only=True)
class SavingFacts(JsonObject):
    """Seconds that a way takes less than a baseline, paired: a median with its interval.

    Attributes:
        percent: Of the baseline's median.
        p_value: Of no difference, corrected for all savings of the batch.
    """

    system: Name
    baseline: Name
    phase: str
    percent: float
    percent_interval: tuple[float, float] | None = None
    p_value: float
    median: float
    low: float | None
    high: float | None
    n: Count
    confidence: float


@dataclass(frozen=True)
class UnitCurves(JsonObject):
    """Cost curves of all ways; flops is None where they can't be counted."""

    flops: tuple[CurveFacts, ...] | None = field(default=None, metadata=OPTIONAL)
    seconds: tuple[CurveFacts, ...] | None = field(default=None, metadata=OPTIONAL)


@dataclass(frozen=True, kw_only=True)
class BatchFacts(JsonObject):
    """All ways at one batch size. rounds: passes of each; left_out: what there was no time for."""

    batch_size: Positive
    rounds: Positive
    stopped: str
    left_out: tuple[str, ...]
    examples: Positive
    systems: tuple[MeasuredWay, ...]
    savings: tuple[SavingFacts, ...]
    break_even: tuple[BreakEvenFacts, ...]
    curves: UnitCurves


@dataclass(frozen=True, kw_only=True)
class StorageFacts(JsonObject):
    """Bytes to keep prompts ready, by their number.

    Attributes:
        fits: Prompts that fit into the budget; None is any number.
        remake_seconds: Measured time to make a prompt's states anew; None if nothing is made.
        load_bandwidth: Bytes a second from which loading them is faster; None likewise.
    """

    name: Name
    bytes_per_prompt: float
    totals: Mapping[str, float]
    budget: Positive
    fits: Count | None
    remake_seconds: float | None = field(default=None, metadata=OPTIONAL)
    load_bandwidth: float | None = field(default=None, metadata=OPTIONAL)


@dataclass(frozen=True, kw_only=True)
class ModelProfile(JsonObject):
    """A checkpoint that was measured. source: the task and split of the examples."""

    schema_version: Count
    kind: Literal["model"] = "model"
    model: str
    weights: str
    source: str
    examples: Count
    output_tokens: Count
    time_budget: float
    seconds_spent: float | None = None
    versions: Mapping[str, str]
    notes: tuple[str, ...] = ()
    device_map: str | Mapping[Text, object] | None = None
    quantize: str | None = None
    device: str
    dtype: str
    threads: Count
    clock: str
    parameters: Count
    closed_form_note: str | None
    flops_source: str | None = None
    machine: MachineFacts
    batches: tuple[BatchFacts, ...]
    storage: tuple[StorageFacts, ...]
    by_prompt_length: tuple[ScenarioFacts, ...]
    energy: EnergyFacts | None = field(default=None, metadata=OPTIONAL)
