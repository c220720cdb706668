"""The content of profile.json: measured or swept results as plain mappings that reports lay out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any

from gisteval import stats
from gisteval.models.running.base import PromptModel
from gisteval.pipeline.profile.settings import CURVE_USES, scenario_content
from gisteval.profiling.accounts import FlopSource, MeanFlops, mean_flops
from gisteval.profiling.breakeven import (
    Cost,
    break_even,
    cost_curve,
    sampled_uses,
    storage,
)
from gisteval.profiling.measure import BatchProfile, Timings
from gisteval.profiling.roofline import MeasuredMachine, attained
from gisteval.profiling.shapes import ModelShape
from gisteval.profiling.timing import Median, clock_name
from gisteval.profiling.whatif import Scenario, what_if

WHAT_IF_PROMPTS = (10, 26, 50, 100, 200, 400, 1000, 2000, 4000)


def model_content(
    shape: ModelShape,
    source: FlopSource | None,
    machine: MeasuredMachine,
    batches: Sequence[BatchProfile],
    output_tokens: int,
    budget: int,
) -> dict[str, Any]:
    """Everything measured on one checkpoint. source: of its FLOPs, None where they can't be had.

    budget: bytes of memory for stored prompts.
    """
    first = batches[0]
    model = first.timings[0].mode.model
    return {
        "device": str(model.device),
        "dtype": str(model.dtype).removeprefix("torch."),
        "threads": machine.threads,
        "clock": clock_name(model.device),
        "parameters": model.model.num_parameters(),
        "closed_form_note": shape.reason,
        "flops_source": None if source is None else source.name,
        "machine": asdict(machine),
        "batches": [_batch(batch, source, machine, output_tokens - 1) for batch in batches],
        "storage": [asdict(storage(found.mode.name, _mean_bytes(found), budget)) for found in first.timings],
        "by_prompt_length": _by_prompt_length(shape, first, output_tokens, model),
    }


def _mean_bytes(found: Timings) -> float:
    return fmean(item.stored_bytes for item in found.lengths)


def _batch(
    batch: BatchProfile, source: FlopSource | None, machine: MeasuredMachine, steps: int
) -> dict[str, Any]:
    works: dict[str, MeanFlops] = {}
    if source is not None:
        works = {found.mode.name: mean_flops(source.form, found.lengths, steps) for found in batch.timings}
    flops = {name: Cost(work.compress, work.each) for name, work in works.items()}
    seconds = {
        found.mode.name: Cost(found.compress.median if found.compress else 0.0, found.end_to_end.median)
        for found in batch.timings
    }
    uses = sampled_uses(CURVE_USES)
    corrected = stats.holm([saving.p_value for saving in batch.savings])
    return {
        "batch_size": batch.batch_size,
        "rounds": batch.rounds,
        "stopped": batch.stopped,
        "left_out": list(batch.left_out),
        "examples": len(batch.timings[0].lengths),
        "systems": [
            _system(found, works.get(found.mode.name), machine, steps, batch.batch_size)
            for found in batch.timings
        ],
        "savings": [
            {
                "system": saving.mode,
                "baseline": saving.baseline,
                "phase": saving.phase,
                "percent": saving.percent,
                "percent_interval": saving.percent_interval,
                "p_value": p_value,
                **asdict(saving.seconds),
            }
            for saving, p_value in zip(batch.savings, corrected, strict=True)
        ],
        "break_even": _break_evens(batch, flops, seconds),
        "curves": {
            unit: [asdict(cost_curve(name, cost, uses)) for name, cost in costs.items()]
            for unit, costs in (("flops", flops), ("seconds", seconds))
            if costs
        },
    }


def _break_evens(
    batch: BatchProfile, flops: dict[str, Cost], seconds: dict[str, Cost]
) -> list[dict[str, Any]]:
    rows = []
    for saving in batch.savings:
        if saving.phase != "end_to_end":
            continue
        # The paired median is sharper than the difference of two medians, so it is what is saved.
        cost = Cost(seconds[saving.mode].once, 0.0)
        base = Cost(seconds[saving.baseline].once, saving.seconds.median)
        found = {"seconds": break_even(saving.baseline, base, cost, saving.seconds.proven)}
        if flops:
            exact = break_even(saving.baseline, flops[saving.baseline], flops[saving.mode])
            found = {"flops": exact, **found}
        rows += [{"system": saving.mode, "unit": unit, **asdict(even)} for unit, even in found.items()]
    return rows


def _system(
    found: Timings, work: MeanFlops | None, machine: MeasuredMachine, steps: int, rows: int
) -> dict[str, Any]:
    phases = {
        "compress": found.compress,
        "prefill": found.prefill,
        "decode_token": found.decode_token,
        "end_to_end": found.end_to_end,
    }
    run, cached = (fmean(getattr(item, field) for item in found.lengths) for field in ("run", "cached"))
    return {
        "name": found.mode.name,
        "kind": found.mode.kind,
        "k": found.mode.model.tokens.k,
        "run_tokens": run,
        "cached_slots": cached,
        "stored_bytes": _mean_bytes(found),
        "seconds": {phase: _median(value) for phase, value in phases.items()},
        "flops": None if work is None else {**asdict(work), "each": work.each},
        "peak_memory": None if found.peak is None else asdict(found.peak),
        "attained": [] if work is None else _attained(found, work, machine, steps, rows, run + cached),
    }


def _median(value: Median | None) -> dict[str, Any] | None:
    return None if value is None else asdict(value)


def _attained(
    found: Timings, work: MeanFlops, machine: MeasuredMachine, steps: int, rows: int, slots: float
) -> list[dict[str, Any]]:
    """Prefill and decoding beside the roof; FLOPs and bytes without those spent on padding."""
    model = found.mode.model
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
    return [asdict(prefill), asdict(decode)]


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


def _by_prompt_length(
    shape: ModelShape, batch: BatchProfile, output_tokens: int, model: PromptModel
) -> list[dict[str, Any]]:
    """FLOPs of each use by prompt length on the measured shape, from the closed form if it has one."""
    compressed = next(found for found in batch.timings if found.mode.kind == "compressed")
    negative = next(found for found in batch.timings if found.mode.kind == "negative")
    k = compressed.mode.model.tokens.k
    if shape.closed is None or k < 1:
        return []
    tokens = round(sum(item.run for item in negative.lengths) / len(negative.lengths))
    size = model.dtype.itemsize
    return [
        scenario_content(what_if(shape, Scenario(prompt, k, tokens, output_tokens, 1, size)))
        for prompt in WHAT_IF_PROMPTS
    ]
