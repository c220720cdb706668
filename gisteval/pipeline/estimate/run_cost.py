"""Tokens, FLOPs, time and dollars of a run before it starts, for `--dry-run`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field

from gisteval.errors import GistevalError, counted
from gisteval.pipeline.estimate.device_memory import DeviceMemory, device_memory
from gisteval.pipeline.estimate.split_cost import (
    ExampleLengths,
    SplitCost,
    count_lengths,
    model_shape,
    split_cost,
)
from gisteval.pipeline.judge.cost import JudgeCost, judge_cost
from gisteval.pipeline.judge.prepared import judge_options, prepare_judge
from gisteval.pipeline.run.plan import Plan
from gisteval.profiling.roofline import measure_machine


@dataclass(frozen=True, slots=True)
class Rates:
    """The speed and the price of a worker.

    Attributes:
        flops_per_second: FLOP/s. None means that they are to be measured.
        dollars_per_hour: Price, if there is one.
        source: Where the FLOP/s are from.
    """

    flops_per_second: float | None = None
    dollars_per_hour: float | None = None
    source: str = "given"

    def __post_init__(self) -> None:
        """Check that the values are positive."""
        for name in ("flops_per_second", "dollars_per_hour"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise GistevalError(f"--{name.replace('_', '-')} must be greater than 0, not {value}")


@dataclass(frozen=True, slots=True)
class Bill:
    """The cost of some FLOPs on one worker.

    Attributes:
        flops: The FLOPs.
        seconds: Seconds of one worker that does nothing else.
        dollars: Dollars for these seconds. None without a price.
    """

    flops: int
    seconds: float
    dollars: float | None

    def __add__(self, other: Bill) -> Bill:
        """Return the sum. Its dollars are None if those of a part are."""
        dollars = None if self.dollars is None or other.dollars is None else self.dollars + other.dollars
        return Bill(self.flops + other.flops, self.seconds + other.seconds, dollars)


@dataclass(frozen=True)
class RunCost:
    """The cost of a run.

    Attributes:
        splits: Costs of each system on each split.
        judge: Cost of the judge, if there is one.
        flops_per_second: FLOP/s of a worker.
        source: Where they are from.
        dollars_per_hour: Price of a worker, if there is one.
        notes: What the numbers leave out.
        memory: What each system takes on its device, if that was asked for.
    """

    splits: tuple[SplitCost, ...]
    judge: JudgeCost | None
    flops_per_second: float
    source: str
    dollars_per_hour: float | None
    notes: tuple[str, ...]
    memory: Mapping[str, DeviceMemory] = field(default_factory=dict)

    @property
    def expected(self) -> Bill:
        """The cost if outputs are as long as their references. Systems without FLOPs are left out."""
        return self.bill(sum(item.flops.expected.total for item in self.splits if item.flops))

    @property
    def most(self) -> Bill:
        """The cost if all outputs are as long as possible."""
        return self.bill(sum(item.flops.most.total for item in self.splits if item.flops))

    def bill(self, flops: int) -> Bill:
        """Return the cost of some FLOPs on one worker."""
        seconds = flops / self.flops_per_second
        price = self.dollars_per_hour
        return Bill(flops, seconds, None if price is None else seconds / 3600 * price)

    def to_json(self) -> dict[str, object]:
        """Return the estimate as plain values: every system and split, their total, and the judge."""
        return {
            "estimates": [self._row(item) for item in self.splits],
            "worker": {"expected": asdict(self.expected), "most": asdict(self.most)},
            "judge": None if self.judge is None else asdict(self.judge),
            "flops_per_second": self.flops_per_second,
            "flops_per_second_source": self.source,
            "dollars_per_hour": self.dollars_per_hour,
            "estimate_notes": list(self.notes),
            "memory": {name: asdict(found) for name, found in self.memory.items()},
        }

    def _row(self, item: SplitCost) -> dict[str, object]:
        row = asdict(item)
        del row["flops"]
        if item.flops is None:
            return {**row, "flops": None, "expected": None, "most": None}
        phases = ("compress", "prefill", "loss", "decode", "decode_most")
        return {
            **row,
            "flops": {name: getattr(item.flops, name).total for name in phases},
            "expected": asdict(self.bill(item.flops.expected.total)),
            "most": asdict(self.bill(item.flops.most.total)),
        }


def measured(rates: Rates, plan: Plan) -> Rates:
    """Return the rates, with FLOP/s measured on the plan's device and data type if none are given."""
    if rates.flops_per_second is not None:
        return rates
    machine = measure_machine(plan.placement.device, plan.placement.dtype)
    size = machine.matrix_size
    source = (
        f"measured, the best of 5 products of {size} x {size} matrices: {machine.device}, "
        f"{machine.dtype}, threads: {machine.threads}"
    )
    return Rates(machine.flops_per_second, rates.dollars_per_hour, source)


def estimate_run(plan: Plan, rates: Rates, with_memory: bool = False) -> RunCost:
    """Estimate the cost of a run from tokenizers and configurations, without weights.

    Args:
        plan: The run.
        rates: Speed and price of a worker.
        with_memory: Whether the largest batch of each system is walked, for the memory that it takes.

    Raises:
        GistevalError: The judge can't be prepared or a tokenizer can't be loaded.
    """
    judge = None
    if plan.config.judge != "none":
        judge = judge_cost(plan, prepare_judge(judge_options(plan.config)))
    lengths: dict[tuple[str, str], list[ExampleLengths]] = {}
    costs, asked = [], plan.answers
    for system in plan.systems:
        identity = plan.identities[system.name]
        reader = json.dumps([dict(identity.template), identity.tokenizer], sort_keys=True)
        for split, examples in asked.items():
            if (reader, split) not in lengths:
                lengths[reader, split] = count_lengths(system.checkpoint, examples)
            costs.append(split_cost(system, split, lengths[reader, split], plan.decoding.max_new_tokens))
    rates = measured(rates, plan)
    assert rates.flops_per_second is not None
    return RunCost(
        tuple(costs),
        judge,
        rates.flops_per_second,
        rates.source,
        rates.dollars_per_hour,
        tuple(dict.fromkeys(_notes(plan, costs, judge))),
        device_memory(plan) if with_memory else {},
    )


def _notes(plan: Plan, costs: list[SplitCost], judge: JudgeCost | None) -> Iterator[str]:
    for system in plan.systems:
        shape = model_shape(system.checkpoint)
        if shape is None or shape.closed is None:
            reason = "it has no config.json" if shape is None else shape.reason
            yield f"{system.checkpoint.path}: FLOPs left out, since there is no closed form: {reason}"
    for item in costs:
        if item.too_long:
            count = counted(item.too_long, "example exceeds", "examples exceed")
            yield f"{item.system} on {item.split}: {count} the context"
    if judge is not None and judge.dollars_most is None:
        yield f"judge {judge.judge} has no price or no limit on its replies, so its cost is unknown"
    if judge is not None and judge.dollars_most == 0.0 and judge.prompt_tokens:
        yield f"judge {judge.judge} runs in this process: its FLOPs are not counted"
    if plan.config.profile:
        yield "the passes of --profile are not counted"
