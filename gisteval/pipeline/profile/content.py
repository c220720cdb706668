"""Measurements of checkpoints as the content of profile.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from statistics import fmean

from gisteval import stats
from gisteval.models.running.base import PromptModel
from gisteval.pipeline.profile.settings import (
    CURVE_USES,
    break_even_facts,
    curve_facts,
    scenario_content,
    stored_totals,
)
from gisteval.profiling.accounts import FlopSource, MeanFlops, mean_flops
from gisteval.profiling.breakeven import (
    Cost,
    break_even,
    cost_curve,
    load_bandwidth,
    sampled_uses,
    storage,
)
from gisteval.profiling.measure import BatchProfile, Timings
from gisteval.profiling.roofline import MeasuredMachine, attained
from gisteval.profiling.shapes import ModelShape
from gisteval.profiling.timing import Median
from gisteval.profiling.whatif import Scenario, what_if
from gisteval.records.profile_facts import (
    AttainedFacts,
    BatchFacts,
    BreakEvenFacts,
    CurveFacts,
    FlopsFacts,
    MeasuredWay,
    MedianFacts,
    PeakFacts,
    PhaseSeconds,
    SavingFacts,
    ScenarioFacts,
    StorageFacts,
    UnitCurves,
)

WHAT_IF_PROMPTS = (10, 26, 50, 100, 200, 400, 1000, 2000, 4000)
"""Prompt lengths, in tokens, for which FLOPs are computed by closed form."""


def storage_facts(batch: BatchProfile, budget: int) -> tuple[StorageFacts, ...]:
    """Return the memory that stored prompts need in each serving mode, and when loading them pays.

    Args:
        batch: The measurements of each mode.
        budget: Bytes of memory for stored prompts.
    """
    found = []
    for timing in batch.timings:
        item = storage(timing.mode.name, _mean_bytes(timing), budget)
        made = timing.compress.median / batch.batch_size if timing.compress else None
        found.append(
            StorageFacts(
                name=item.name,
                bytes_per_prompt=item.bytes_per_prompt,
                totals=stored_totals(item),
                budget=item.budget,
                fits=item.fits,
                remake_seconds=made,
                load_bandwidth=None if made is None else load_bandwidth(item.bytes_per_prompt, made),
            )
        )
    return tuple(found)


def _mean_bytes(timing: Timings) -> float:
    return fmean(item.stored_bytes for item in timing.lengths)


def batch_facts(
    batch: BatchProfile, source: FlopSource | None, machine: MeasuredMachine, steps: int
) -> BatchFacts:
    """Return the facts of all serving modes at one batch size.

    Args:
        batch: The measurements.
        source: Source of the FLOPs. None if they can't be counted.
        machine: The peak rates of the machine.
        steps: Decoded tokens after the first.
    """
    means: dict[str, MeanFlops] = {}
    if source is not None:
        means = {
            timing.mode.name: mean_flops(source.form, timing.lengths, steps) for timing in batch.timings
        }
    flops = {name: Cost(mean.compress, mean.each) for name, mean in means.items()}
    seconds = {
        timing.mode.name: Cost(timing.compress.median if timing.compress else 0.0, timing.end_to_end.median)
        for timing in batch.timings
    }
    corrected = stats.holm([saving.p_value for saving in batch.savings])
    return BatchFacts(
        batch_size=batch.batch_size,
        rounds=batch.rounds,
        stopped=batch.stopped,
        left_out=batch.left_out,
        examples=len(batch.timings[0].lengths),
        systems=tuple(
            _measured(timing, means.get(timing.mode.name), machine, steps, batch.batch_size)
            for timing in batch.timings
        ),
        savings=tuple(
            SavingFacts(
                system=saving.mode,
                baseline=saving.baseline,
                phase=saving.phase,
                percent=saving.percent,
                percent_interval=saving.percent_interval,
                p_value=p_value,
                **asdict(saving.seconds),
            )
            for saving, p_value in zip(batch.savings, corrected, strict=True)
        ),
        break_even=tuple(_break_evens(batch, flops, seconds)),
        curves=UnitCurves(_curves(flops) or None, _curves(seconds) or None),
    )


def _curves(costs: Mapping[str, Cost]) -> tuple[CurveFacts, ...]:
    uses = sampled_uses(CURVE_USES)
    return tuple(curve_facts(cost_curve(name, cost, uses)) for name, cost in costs.items())


def _break_evens(
    batch: BatchProfile, flops: Mapping[str, Cost], seconds: Mapping[str, Cost]
) -> Iterator[BreakEvenFacts]:
    for saving in batch.savings:
        if saving.phase != "end_to_end":
            continue
        if flops:
            exact = break_even(saving.baseline, flops[saving.baseline], flops[saving.mode])
            yield break_even_facts(exact, "flops", saving.mode)
        # The paired median is more precise than the difference of two medians, so it is the saving.
        cost = Cost(seconds[saving.mode].once, 0.0)
        base = Cost(seconds[saving.baseline].once, saving.seconds.median)
        timed = break_even(saving.baseline, base, cost, saving.seconds.proven)
        yield break_even_facts(timed, "seconds", saving.mode)


def _measured(
    timing: Timings, flops: MeanFlops | None, machine: MeasuredMachine, steps: int, rows: int
) -> MeasuredWay:
    run, cached = (fmean(getattr(item, field) for item in timing.lengths) for field in ("run", "cached"))
    return MeasuredWay(
        name=timing.mode.name,
        kind=timing.mode.kind,
        k=timing.mode.model.tokens.k,
        run_tokens=run,
        cached_slots=cached,
        stored_bytes=_mean_bytes(timing),
        seconds=PhaseSeconds(
            None if timing.compress is None else _median(timing.compress),
            _median(timing.prefill),
            _median(timing.decode_token),
            _median(timing.end_to_end),
        ),
        flops=None if flops is None else FlopsFacts(**asdict(flops), each=flops.each),
        peak_memory=None if timing.peak is None else PeakFacts(timing.peak.bytes, timing.peak.method),
        compress_parts=timing.parts,
        attained=() if flops is None else _attained(timing, flops, machine, steps, rows, run + cached),
    )


def _median(value: Median) -> MedianFacts:
    return MedianFacts(**asdict(value))


def _attained(
    timing: Timings, flops: MeanFlops, machine: MeasuredMachine, steps: int, rows: int, slots: float
) -> tuple[AttainedFacts, ...]:
    """Compare prefill and decoding with the roofline. FLOPs and bytes of padding are not counted."""
    model = timing.mode.model
    weights = _weight_bytes(model)
    prefill = attained(
        machine,
        "prefill",
        rows * flops.prefill,
        weights + rows * slots * model.slot_bytes,
        timing.prefill.median,
    )
    decode = attained(
        machine,
        "decode",
        rows * flops.decode / steps,
        weights + rows * (slots + (steps + 1) / 2) * model.slot_bytes,
        timing.decode_token.median,
    )
    return AttainedFacts(**asdict(prefill)), AttainedFacts(**asdict(decode))


def _weight_bytes(model: PromptModel) -> int:
    """Bytes of weights that a pass reads at least.

    These are all weights but an untied embedding table. For a mixture of experts, they include as many
    experts as one token uses.
    """
    network = model.model
    total: int = sum(weight.nbytes for weight in network.parameters())
    table, output = network.get_input_embeddings().weight, network.get_output_embeddings()
    shared = output is not None and output.weight.data_ptr() == table.data_ptr()
    used = getattr(network.config.get_text_config(), "num_experts_per_tok", None) or 0
    idle = 0
    for module in network.modules():
        count = getattr(module, "num_experts", None)
        if isinstance(count, int) and count > used:
            # One tensor holds the matrices of all experts, with one expert for each index of dimension 0.
            experts = [w for w in module.parameters(recurse=False) if w.dim() == 3 and w.shape[0] == count]
            idle += sum(weight.nbytes // count * (count - used) for weight in experts)
    return total - idle - (0 if shared else table.nbytes)


def by_prompt_length(
    shape: ModelShape, batch: BatchProfile, output_tokens: int, model: PromptModel
) -> tuple[ScenarioFacts, ...]:
    """Return the FLOPs of each use by prompt length on the measured shape.

    The result is empty for a shape without a closed form, or without gist tokens.
    """
    compressed = next(timing for timing in batch.timings if timing.mode.kind in ("compressed", "oracle"))
    negative = next(timing for timing in batch.timings if timing.mode.kind == "negative")
    k = compressed.mode.model.tokens.k
    if shape.closed is None or k < 1:
        return ()
    tokens = round(sum(item.run for item in negative.lengths) / len(negative.lengths))
    size = model.dtype.itemsize
    return tuple(
        scenario_content(what_if(shape, Scenario(prompt, k, tokens, output_tokens, 1, size)))
        for prompt in WHAT_IF_PROMPTS
    )
