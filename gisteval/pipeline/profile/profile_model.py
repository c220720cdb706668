"""`gisteval profile --model` and `run --profile`: checkpoints measured in passes of their own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gisteval.errors import GistevalError
from gisteval.models.checkpoints.checkpoint import Checkpoint
from gisteval.models.checkpoints.loading import load_placed, resolve
from gisteval.models.checkpoints.placement import Placement, choose_placement
from gisteval.pipeline.identity import versions
from gisteval.pipeline.profile.content import model_content
from gisteval.pipeline.profile.profile_shapes import write_profile
from gisteval.pipeline.run.plan import Plan
from gisteval.profiling.accounts import FlopSource, flop_source
from gisteval.profiling.budget import TimeBudget
from gisteval.profiling.measure import BatchProfile, profile_batch
from gisteval.profiling.passes import Way
from gisteval.profiling.roofline import measure_machine
from gisteval.profiling.shapes import ModelShape, describe_config
from gisteval.profiling.whatif import GIST, NEGATIVE, NO_CACHE, WHOLE_CACHE
from gisteval.records.schema import Example
from gisteval.registry import COMPRESSORS
from gisteval.report.data import PROFILE_VERSION
from gisteval.report.profile import require_figures
from gisteval.suite import Suite, SuiteOptions, System, build_suite
from gisteval.tasks import load_task

OUTPUT_TOKENS = 17
"""The first of the prefill and sixteen decoded ones."""

RUN_EXAMPLES = 32
RUN_SECONDS = 30.0
RUN_MEMORY = 80 * 10**9

MACHINE_SHARE = 0.05
"""Of the time budget, for measuring what the machine can do at best."""


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """What to measure. memory_budget in bytes.

    time_budget: seconds, for everything from the moment the weights are there until the last pass.
    Raises GistevalError for values that nothing can be measured with.
    """

    model: str
    task: str = "wordplay"
    split: str | None = None
    limit: int = RUN_EXAMPLES
    batch_sizes: tuple[int, ...] = (1,)
    output_tokens: int = OUTPUT_TOKENS
    time_budget: float = RUN_SECONDS
    memory_budget: int = RUN_MEMORY
    threads: int | None = None
    device: str = "auto"
    dtype: str = "auto"
    device_map: str | None = None
    quantize: str | None = None
    data_dir: str | None = None
    chat_template: str | None = None

    def __post_init__(self) -> None:
        bounds = {
            "--limit": (self.limit, 1, 10**9),
            "--output-tokens": (self.output_tokens, 2, 10**6),
            "--batch-size": (max(self.batch_sizes), 1, 10**5),
        }
        if self.threads is not None:
            bounds["--threads"] = (self.threads, 1, 4096)
        for option, (value, least, most) in bounds.items():
            if not least <= value <= most:
                raise GistevalError(f"{option} must be from {least} to {most:,}, not {value}")
        if not 0 < self.time_budget < math.inf:
            raise GistevalError(
                f"--time-budget must be a number of seconds above 0, not {self.time_budget:g}"
            )


def model_profile(options: ModelOptions) -> dict[str, Any]:
    """Measure a checkpoint or the first candidate of a suite. Raises GistevalError."""
    task = load_task(options.task, data_dir=Path(options.data_dir) if options.data_dir else None)
    split = options.split or tuple(task.evaluation_splits)[-1]
    suite = build_suite(resolve(options.model), SuiteOptions(chat_template=options.chat_template))
    return _measure(suite, tuple(task.examples(split)), f"{task.name}/{split}", options)


def profile_run(plan: Plan, folder: Path) -> Path:
    """`gisteval run --profile`: measure a run's first suite, in passes of their own, into its report."""
    require_figures()
    split, examples = list(plan.examples.items())[-1]
    config = plan.config
    options = ModelOptions(
        model=config.models[0] if config.models else "wordplay-llama",
        device=config.device,
        dtype=config.dtype,
        device_map=config.device_map,
        quantize=config.quantize,
        time_budget=RUN_SECONDS,
        batch_sizes=(1, 8) if len(examples) >= 8 else (1,),
    )
    found = _measure(plan.suites[0], examples, f"{plan.task.name}/{split}", options)
    found["notes"] += [
        f"{model} was not measured here: gisteval profile --model {model}" for model in config.models[1:]
    ]
    return write_profile(found, folder / "report")


def check_timeable(suite: Suite) -> None:
    """Raises GistevalError for a suite whose speed can't be measured, before anything is loaded."""
    checkpoint = _candidates(suite)[0].checkpoint
    if not checkpoint.architecture.caches_prompts:
        raise GistevalError(
            f"{checkpoint.path}: wall times are measured against a whole-prompt cache, which an "
            f"{checkpoint.architecture.name} model does not have: its FLOPs come from "
            f"gisteval profile --shape {checkpoint.path}"
        )


def _measure(
    suite: Suite, examples: Sequence[Example], source_name: str, options: ModelOptions
) -> dict[str, Any]:
    check_timeable(suite)
    placement = choose_placement(options.device, options.dtype, options.device_map, options.quantize)
    before = torch.get_num_threads()
    torch.set_num_threads(options.threads or before)
    try:
        ways, notes = _ways(suite, placement)
        chosen = _spread(_fitting(ways, examples, options.output_tokens), options.limit)
        weights = _candidates(suite)[0].checkpoint
        shape = describe_config(weights.record.family, ways[0].model.model.config.to_dict())
        budget = TimeBudget.of(options.time_budget)
        source, uncounted = _flop_source(shape)
        machine = measure_machine(placement.device, placement.dtype, MACHINE_SHARE * budget.left)
        batches, left_out = _batches(ways, chosen, options, budget)
        spent = options.time_budget - budget.left
    finally:
        torch.set_num_threads(before)
    content = model_content(shape, source, machine, batches, options.output_tokens, options.memory_budget)
    return {
        "schema_version": PROFILE_VERSION,
        "kind": "model",
        "model": options.model,
        "weights": weights.record.name,
        "source": source_name,
        "examples": len(chosen),
        "output_tokens": options.output_tokens,
        "time_budget": options.time_budget,
        "seconds_spent": spent,
        "versions": versions(),
        "notes": [*notes, *uncounted, *left_out, *_placement_notes(placement)],
        "device_map": placement.device_map,
        "quantize": placement.quantize,
        **content,
    }


def _flop_source(shape: ModelShape) -> tuple[FlopSource | None, list[str]]:
    """None, and why, for a model whose passes can't be counted."""
    try:
        return flop_source(shape), []
    except GistevalError as error:
        return None, [f"Wall times without FLOPs: {error}."]


def _batches(
    ways: Sequence[Way], examples: Sequence[Example], options: ModelOptions, budget: TimeBudget
) -> tuple[list[BatchProfile], list[str]]:
    """Each batch size has an equal share of the time that is left; notes say what was left out.

    The first one is measured whatever time it takes. Raises GistevalError if no batch can be filled.
    """
    sizes = [size for size in options.batch_sizes if size <= len(examples)]
    notes = [
        f"Batch of {size}: left out for want of examples (there are {len(examples)})."
        for size in options.batch_sizes
        if size not in sizes
    ]
    found: list[BatchProfile] = []
    for place, size in enumerate(sizes or options.batch_sizes[:1]):
        share = budget.share(max(1, len(sizes) - place))
        batch = profile_batch(ways, examples, size, options.output_tokens, share, must=not found)
        if batch is None:
            notes.append(
                f"Batch of {size}: left out, the {options.time_budget:g} s of time budget were spent."
            )
            continue
        found.append(batch)
        if batch.left_out:
            notes.append(
                f"Batch of {size}: its share of the time budget ({options.time_budget:g} s) left out "
                f"{', '.join(batch.left_out)}."
            )
    return found, notes


def _placement_notes(placement: Placement) -> list[str]:
    """What a reader of times and FLOPs must know of weights that are not plain ones on one device."""
    notes = []
    if placement.device_map is not None:
        notes.append(
            "The model is spread by a device map: times include moving states between devices; peak "
            f"memory and the machine measured beside it are those of {placement.device} alone."
        )
    if placement.quantize is not None:
        notes.append(
            f"Weights are {placement.quantize}: FLOPs are those of the same shape unquantised, without "
            "packing and unpacking."
        )
    return notes


def _candidates(suite: Suite) -> list[System]:
    """The compressed systems. Raises GistevalError for a suite without any."""
    candidates = [system for system in suite.systems if system.role == "candidate"]
    if not candidates:
        raise GistevalError(
            f"{suite.positive.checkpoint.path}: there is no compressed system to profile: give a gist "
            "checkpoint or a suite that holds one"
        )
    return candidates


def _ways(suite: Suite, placement: Placement) -> tuple[list[Way], list[str]]:
    """The ordinary ways, then every candidate's, then the negative control, all on one set of weights.

    Notes name the candidates that those weights can't stand for. Raises GistevalError without candidates.
    """
    candidates = _candidates(suite)
    first, notes = candidates[0].checkpoint, []
    loaded = load_placed(first, placement)

    # The end token stops nobody, so that all ways decode alike.
    plain = loaded.with_gists(0, 0).endless()
    ways = [Way(NO_CACHE, "no_cache", plain, None)]
    ways.append(Way(WHOLE_CACHE, "whole_cache", plain, COMPRESSORS.load("none")()))
    for system in candidates:
        method = COMPRESSORS.load(system.compressor)()
        record = system.checkpoint.record
        as_in_the_paper = system.compressor == GIST and system.budget is None and not record.leak_window
        label = f"{GIST}-{record.k}" if as_in_the_paper else system.name
        if _shape_fields(system.checkpoint) != _shape_fields(first):
            notes.append(f"{system.name} has another shape than {first.record.name}: profile it by itself.")
            continue
        if any(way.name == label for way in ways):
            continue  # the same k of another checkpoint takes the same time
        model = loaded.with_gists(record.k, record.leak_window).endless()
        ways.append(Way(label, "compressed", model, method, system.budget))
    ways.append(Way(NEGATIVE, "negative", plain, COMPRESSORS.load("nothing")()))
    return ways, notes


def _shape_fields(checkpoint: Checkpoint) -> dict[str, Any]:
    """What of a checkpoint's config.json decides the time of a pass; empty without one (an adapter's)."""
    config = checkpoint.config()
    numbers = (int, float, list)
    return {
        name: value for name, value in config.items() if isinstance(value, numbers) or name == "model_type"
    }


def _fitting(ways: Sequence[Way], examples: Sequence[Example], output_tokens: int) -> list[Example]:
    """Examples whose prompt, gists, input and output stay within the context."""
    model = ways[0].model
    gists = max(way.model.tokens.k for way in ways)
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
    """At most `limit` examples, evenly over the split."""
    step = max(1, len(examples) // limit)
    return list(examples[::step][:limit])
