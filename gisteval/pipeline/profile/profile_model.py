"""Profiles of checkpoints, measured in separate passes: `gisteval profile --model`, `run --profile`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch

from gisteval.compressors.empty import Empty
from gisteval.compressors.full import Full
from gisteval.errors import GistevalError, counted
from gisteval.models.checkpoints.checkpoint import Checkpoint
from gisteval.models.checkpoints.loading import load_placed, resolve
from gisteval.models.checkpoints.placement import Placement, choose_placement
from gisteval.pipeline.identity import versions
from gisteval.pipeline.profile.content import batch_facts, by_prompt_length, storage_facts
from gisteval.pipeline.profile.energy import batch_energy, kept_back
from gisteval.pipeline.profile.options import ProfileOptions
from gisteval.pipeline.profile.profile_shapes import write_profile
from gisteval.pipeline.run.plan import Plan
from gisteval.profiling.accounts import FlopSource, flop_source
from gisteval.profiling.budget import TimeBudget
from gisteval.profiling.energy import find_meter
from gisteval.profiling.measure import BatchProfile, profile_batch
from gisteval.profiling.passes import Kind, ServingMode
from gisteval.profiling.roofline import measure_machine
from gisteval.profiling.shapes import ModelShape, describe_config
from gisteval.profiling.timing import clock_name
from gisteval.profiling.whatif import GIST, NEGATIVE, NO_CACHE, WHOLE_CACHE
from gisteval.records.budget import parse_budgets
from gisteval.records.machine_facts import MachineFacts
from gisteval.records.profile_facts import PROFILE_VERSION, ModelProfile
from gisteval.records.schema import Example
from gisteval.registry import keeps_gists
from gisteval.report.profile import require_figures
from gisteval.suite import Suite, SuiteOptions, System, build_suite
from gisteval.tasks import load_task

RUN_SECONDS = 30.0
"""Time budget of `run --profile`, in seconds."""

MACHINE_SHARE = 0.05
"""Share of the time budget for measuring the peak rates of the machine."""


def model_profile(options: ProfileOptions) -> ModelProfile:
    """Measure a checkpoint or the first candidate of a suite.

    Raises:
        GistevalError: The model can't be loaded or timed, or the options don't fit it.
    """
    task = load_task(options.task, data_dir=Path(options.data_dir) if options.data_dir else None)
    split = options.split or tuple(task.evaluation_splits)[-1]
    suite_options = SuiteOptions(
        compressors=options.compressors,
        budgets=parse_budgets(options.budgets),
        chat_template=options.chat_template,
    )
    suite = build_suite(resolve(options.model or ""), suite_options)
    return _measure(suite, tuple(task.examples(split)), f"{task.name}/{split}", options)


def profile_run(plan: Plan, folder: Path) -> Path:
    """Measure a run's first suite for `gisteval run --profile`.

    Args:
        plan: The run.
        folder: Its folder.

    Returns:
        The page of the profile in the run's report.
    """
    require_figures()
    split, examples = list(plan.examples.items())[-1]
    config = plan.config
    options = ProfileOptions(
        model=config.models[0] if config.models else "wordplay-llama",
        device=config.device,
        dtype=config.dtype,
        device_map=config.device_map,
        quantize=config.quantize,
        time_budget=RUN_SECONDS,
        batch_sizes=(1, 8) if len(examples) >= 8 else (1,),
    )
    content = _measure(plan.suites[0], examples, f"{plan.task.name}/{split}", options)
    others = (
        f"{model} was not measured here: gisteval profile --model {model}" for model in config.models[1:]
    )
    return write_profile(replace(content, notes=(*content.notes, *others)), folder / "report")


def check_timeable(suite: Suite) -> None:
    """Check that the speed of a suite can be measured, before anything is loaded.

    Raises:
        GistevalError: Its architecture has no whole-prompt cache.
    """
    checkpoint = _candidates(suite)[0].checkpoint
    if not checkpoint.architecture.caches_prompts:
        raise GistevalError(
            f"{checkpoint.path}: wall times are measured against a whole-prompt cache, which an "
            f"{checkpoint.architecture.name} model does not have: its FLOPs come from "
            f"gisteval profile --shape {checkpoint.path}"
        )


def _measure(
    suite: Suite, examples: Sequence[Example], source_name: str, options: ProfileOptions
) -> ModelProfile:
    check_timeable(suite)
    placement = choose_placement(options.device, options.dtype, options.device_map, options.quantize)
    before = torch.get_num_threads()
    torch.set_num_threads(options.threads or before)
    try:
        modes, notes = _modes(suite, placement)
        chosen = _spread(_fitting(modes, examples, options.decoded_tokens), options.limit)
        weights = _candidates(suite)[0].checkpoint
        shape = describe_config(weights.record.family, modes[0].model.model.config.to_dict())
        budget = TimeBudget.of(options.time_budget)
        source, uncounted = _flop_source(shape)
        machine = measure_machine(placement.device, placement.dtype, MACHINE_SHARE * budget.left)
        meter = None if options.watts else find_meter(placement.device)
        batches, left_out = _batches(modes, chosen, options, budget if meter is None else kept_back(budget))
        energy, unmeasured = batch_energy(batches[0], modes, chosen, options, meter, budget)
        spent = options.time_budget - budget.left
    finally:
        torch.set_num_threads(before)
    model = modes[0].model
    return ModelProfile(
        schema_version=PROFILE_VERSION,
        model=options.model or "",
        weights=weights.record.name,
        source=source_name,
        examples=len(chosen),
        output_tokens=options.decoded_tokens,
        time_budget=options.time_budget,
        seconds_spent=spent,
        versions=versions(),
        notes=(*notes, *uncounted, *left_out, *unmeasured, *_placement_notes(placement)),
        device_map=placement.device_map,
        quantize=placement.quantize,
        device=str(model.device),
        dtype=str(model.dtype).removeprefix("torch."),
        threads=machine.threads,
        clock=clock_name(model.device),
        parameters=model.model.num_parameters(),
        closed_form_note=shape.reason,
        flops_source=None if source is None else source.name,
        machine=MachineFacts(**asdict(machine)),
        batches=tuple(batch_facts(batch, source, machine, options.decoded_tokens - 1) for batch in batches),
        storage=storage_facts(batches[0], options.memory_budget),
        by_prompt_length=by_prompt_length(shape, batches[0], options.decoded_tokens, model),
        energy=energy,
    )


def _flop_source(shape: ModelShape) -> tuple[FlopSource | None, list[str]]:
    """The source of a model's FLOPs. None, and a note, if its passes can't be counted."""
    try:
        return flop_source(shape), []
    except GistevalError as error:
        return None, [f"Wall times without FLOPs: {error}."]


def _batches(
    modes: Sequence[ServingMode], examples: Sequence[Example], options: ProfileOptions, budget: TimeBudget
) -> tuple[list[BatchProfile], list[str]]:
    """Measure each batch size with an equal share of the time left. Notes say what was left out.

    The first batch size is measured even if the time is used up.
    """
    sizes = [size for size in options.batch_sizes if size <= len(examples)]
    notes = [
        f"Batch of {size}: left out, with only {counted(len(examples), 'example')}."
        for size in options.batch_sizes
        if size not in sizes
    ]
    batches: list[BatchProfile] = []
    for place, size in enumerate(sizes or options.batch_sizes[:1]):
        share = budget.share(max(1, len(sizes) - place))
        batch = profile_batch(modes, examples, size, options.decoded_tokens, share, must=not batches)
        if batch is None:
            notes.append(
                f"Batch of {size}: left out, since the time budget ({options.time_budget:g} s) was used up."
            )
            continue
        batches.append(batch)
        if batch.left_out:
            notes.append(
                f"Batch of {size}: its share of the time budget ({options.time_budget:g} s) was too short "
                f"for {', '.join(batch.left_out)}."
            )
    return batches, notes


def _placement_notes(placement: Placement) -> list[str]:
    """Notes on times and FLOPs of quantised weights, or of weights on several devices."""
    notes = []
    if placement.device_map is not None:
        notes.append(
            "The model is spread over devices by a device map: times include moving states between them, "
            f"while peak memory and the machine's peak rates are those of {placement.device} alone."
        )
    if placement.quantize is not None:
        notes.append(
            f"Weights are {placement.quantize}: FLOPs are those of the same shape without quantisation, "
            "without packing and unpacking."
        )
    return notes


def _candidates(suite: Suite) -> list[System]:
    """The compressed systems, of which there must be at least one."""
    candidates = [system for system in suite.systems if system.role == "candidate"]
    if not candidates:
        raise GistevalError(
            f"{suite.positive.checkpoint.path}: there is no compressed system to profile: give a gist "
            "checkpoint or a suite that holds one"
        )
    return candidates


def _modes(suite: Suite, placement: Placement) -> tuple[list[ServingMode], list[str]]:
    """The uncompressed modes, each candidate's and the negative control, all on one set of weights.

    Notes name the candidates whose shape differs from these weights.
    """
    candidates = _candidates(suite)
    first, notes = candidates[0].checkpoint, []
    loaded = load_placed(first, placement)

    # The end token stops no row, so that all modes decode the same number of tokens.
    plain = loaded.with_gists(0, 0).endless()
    modes = [ServingMode(NO_CACHE, "no_cache", plain, None)]
    modes.append(ServingMode(WHOLE_CACHE, "whole_cache", plain, Full()))
    for system in candidates:
        method = system.method()
        record = system.checkpoint.record
        nothing_leaks = system.budget is None and not record.leak_window
        as_in_the_paper = nothing_leaks and keeps_gists(system.compressor)
        label = f"{GIST}-{record.k}" if as_in_the_paper else system.name
        if _shape_fields(system.checkpoint) != _shape_fields(first):
            notes.append(f"{system.name} has another shape than {first.record.name}: profile it by itself.")
            continue
        if any(mode.name == label for mode in modes):
            continue  # the same k of another checkpoint takes the same time
        model = loaded.with_gists(record.k, record.leak_window).endless()
        kind: Kind = "compressed" if method.reusable else "oracle"
        modes.append(ServingMode(label, kind, model, method, system.budget))
        if not method.reusable:
            notes.append(
                f"{label} is an oracle, which sees the input: it compresses anew at each use, as a part of "
                "its prefill. Nothing is reused, so it has no break-even and no savings."
            )
    modes.append(ServingMode(NEGATIVE, "negative", plain, Empty()))
    return modes, notes


def _shape_fields(checkpoint: Checkpoint) -> dict[str, object]:
    """Fields of a checkpoint's config.json that decide the time of a pass. Empty for an adapter."""
    config = checkpoint.config()
    numbers = (int, float, list)
    return {
        name: value for name, value in config.items() if isinstance(value, numbers) or name == "model_type"
    }


def _fitting(
    modes: Sequence[ServingMode], examples: Sequence[Example], output_tokens: int
) -> list[Example]:
    """Examples whose prompt, gist tokens, input and output fit into the context."""
    model = modes[0].model
    gists = max(mode.model.tokens.k for mode in modes)
    prompts = model.tokens.prompts([example.instruction for example in examples])
    inputs = model.tokens.continuations([example.input for example in examples])
    fitting = [
        example
        for example, prompt, text in zip(examples, prompts, inputs, strict=True)
        if len(prompt) + gists + len(text) + output_tokens <= model.context
    ]
    if not fitting:
        raise GistevalError(
            f"no example leaves room for {output_tokens} output tokens in a context of {model.context}: "
            "use fewer --output-tokens"
        )
    return fitting


def _spread(examples: Sequence[Example], limit: int) -> list[Example]:
    """At most `limit` examples, spread evenly over the split."""
    step = max(1, len(examples) // limit)
    return list(examples[::step][:limit])
