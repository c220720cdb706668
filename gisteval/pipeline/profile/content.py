"""Measurements as the content of profile.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
from gisteval.profiling.accounts import FlopSource, Work, work_of
from gisteval.profiling.breakeven import Cost, break_even, cost_curve, sampled_uses, storage
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

SWEPT_PROMPTS = (10, 26, 50, 100, 200, 400, 1000, 2000, 4000)


def storage_facts(timings: Sequence[Timings], budget: int) -> tuple[StorageFacts, ...]:
    """What prompts take that are kept ready. budget: bytes of memory for them."""
    kept = [storage(found.way.name, _mean_bytes(found), budget) for found in timings]
    return tuple(
        StorageFacts(
            name=item.name,
            bytes_per_prompt=item.bytes_per_prompt,
            totals=stored_totals(item),
            budget=item.budget,
            fits=item.fits,
        )
        for item in kept
    )


def _mean_bytes(found: Timings) -> float:
    return fmean(item.stored_bytes for item in found.lengths)


def batch_facts(
    batch: BatchProfile, source: FlopSource | None, machine: MeasuredMachine, steps: int
) -> BatchFacts:
    """All ways at one batch size.

    Args:
        batch: What was measured.
        source: Of FLOPs, None where they can't be had.
        machine: What the machine can do at best.
        steps: Decoded tokens after the first.
    """
    works: dict[str, Work] = {}
    if source is not None:
        works = {found.way.name: work_of(source.form, found.lengths, steps) for found in batch.timings}
    flops = {name: Cost(work.compress, work.each) for name, work in works.items()}
    seconds = {
        found.way.name: Cost(found.compress.median if found.compress else 0.0, found.end_to_end.median)
        for found in batch.timings
    }
    corrected = stats.holm([saving.p_value for saving in batch.savings])
    return BatchFacts(
        batch_size=batch.batch_size,
        rounds=batch.rounds,
        stopped=batch.stopped,
        left_out=batch.left_out,
        examples=len(batch.timings[0].lengths),
        systems=tuple(
            _measured(found, works.get(found.way.name), machine, steps, batch.batch_size)
            for found in batch.timings
        ),
        savings=tuple(
            SavingFacts(
                system=saving.way,
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
            exact = break_even(saving.baseline, flops[saving.baseline], flops[saving.way])
            yield break_even_facts(exact, "flops", saving.way)
        # The paired median is sharper than the difference of two medians, so it is what is saved.
        cost = Cost(seconds[saving.way].once, 0.0)
        base = Cost(seconds[saving.baseline].once, saving.seconds.median)
        timed = break_even(saving.baseline, base, cost, saving.seconds.proven)
        yield break_even_facts(timed, "seconds", saving.way)


def _measured(
    found: Timings, work: Work | None, machine: MeasuredMachine, steps: int, rows: int
) -> MeasuredWay:
    run, cached = (fmean(getattr(item, field) for item in found.lengths) for field in ("run", "cached"))
    return MeasuredWay(
        name=found.way.name,
        kind=found.way.kind,
        k=found.way.model.tokens.k,
        run_tokens=run,
        cached_slots=cached,
        stored_bytes=_mean_bytes(found),
        seconds=PhaseSeconds(
            None if found.compress is None else _median(found.compress),
            _median(found.prefill),
            _median(found.decode_token),
            _median(found.end_to_end),
        ),
        flops=None if work is None else FlopsFacts(**asdict(work), each=work.each),
        peak_memory=None if found.peak is None else PeakFacts(found.peak.bytes, found.peak.method),
        attained=() if work is None else _attained(found, work, machine, steps, rows, run + cached),
    )


def _median(value: Median) -> MedianFacts:
    return MedianFacts(**asdict(value))


def _attained(
    found: Timings, work: Work, machine: MeasuredMachine, steps: int, rows: int, slots: float
) -> tuple[AttainedFacts, ...]:
    """Prefill and decoding beside the roof; FLOPs and bytes without those spent on padding."""
    model = found.way.model
    weights = _weight_bytes(model)
    prefill = attained(
        machine,
        "prefill",
        rows * work.prefill,
        weights + rows * slots * model.slot_bytes,
        found.prefill.median,
    )
    decode = attained(
        machine,
        "decode",
        rows * work.decode / steps,
        weights + rows * (slots + (steps + 1) / 2) * model.slot_bytes,
        found.decode_token.median,
    )
    return AttainedFacts(**asdict(prefill)), AttainedFacts(**asdict(decode))


def _weight_bytes(model: PromptModel) -> int:
    """Weights a pass reads at least: all but an embedding table that is not the output matrix as well.

    Of a mixture of experts, as many experts as one token uses.
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
            # One tensor holds all experts' matrices, an expert each in its first dimension.
            held = [w for w in module.parameters(recurse=False) if w.dim() == 3 and w.shape[0] == count]
            idle += sum(weight.nbytes // count * (count - used) for weight in held)
    return total - idle - (0 if shared else table.nbytes)


def by_prompt_length(
    shape: ModelShape, batch: BatchProfile, output_tokens: int, model: PromptModel
) -> tuple[ScenarioFacts, ...]:
    """FLOPs of each use by prompt length on the measured shape, from the closed form if it has one."""
    compressed = next(found for found in batch.timings if found.way.kind == "compressed")
    negative = next(found for found in batch.timings if found.way.kind == "negative")
    k = compressed.way.model.tokens.k
    if shape.closed is None or k < 1:
        return ()
    tokens = round(sum(item.run for item in negative.lengths) / len(negative.lengths))
    size = model.dtype.itemsize
    return tuple(
        scenario_content(what_if(shape, Scenario(prompt, k, tokens, output_tokens, 1, size)))
        for prompt in SWEPT_PROMPTS
    )
