"""The command `gisteval train`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from gisteval.cli.options import Given, with_options
from gisteval.cli.output import print_text, quiet_libraries
from gisteval.config import RunConfig
from gisteval.errors import counted
from gisteval.options import Panel, check_bounds, checked_fields, option, same_as
from gisteval.pipeline.profile.options import ProfileOptions
from gisteval.records.schema import CONDITIONS


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """The options of `gisteval train`. What is given replaces what the recipe says."""

    base: str | None = option(
        None,
        "Model to start from: its folder, its name on the Hugging Face hub, or a gist checkpoint.",
        Panel.MODELS,
        metavar="PATH",
    )
    chat_template: str | None = same_as(RunConfig, "chat_template")
    condition: str | None = option(
        None, "What the checkpoint is trained as.", Panel.MODELS, metavar="NAME", choices=CONDITIONS
    )
    k: int | None = option(None, "Number of gist tokens.", Panel.MODELS, metavar="N")
    family: str | None = option(
        None, "Name that the checkpoints of a suite share.", Panel.MODELS, metavar="NAME"
    )
    task: str | None = same_as(RunConfig, "task", default=None, help="Task to train on.")
    split: str | None = option(None, "Part of the task to train on.", Panel.TASK, metavar="NAME")
    limit: int | None = option(None, "Use only the first N examples.", Panel.TASK, metavar="N")
    data_dir: str | None = same_as(RunConfig, "data_dir")
    steps: int | None = option(None, "Number of optimiser steps.", Panel.TRAINING, metavar="N")
    learning_rate: float | None = option(
        None, "Largest step size of AdamW.", Panel.TRAINING, metavar="RATE"
    )
    rows_per_step: int | None = option(None, "Rows in the batch of one step.", Panel.TRAINING, metavar="N")
    seed: int | None = option(
        None, "Seed of the order of examples and of new weights.", Panel.TRAINING, metavar="N"
    )
    lora: bool = option(
        False, "Train low-rank adapters instead of all weights (extra: train).", Panel.TRAINING
    )
    threads: int | None = same_as(ProfileOptions, "threads")


@with_options(TrainOptions)
def train(
    given: Given[TrainOptions],
    recipe: Annotated[Path | None, typer.Argument(help="Recipe (YAML).")] = None,
    output: Annotated[
        Path,
        typer.Option(help="Folder of the new checkpoint.", metavar="DIR", rich_help_panel=Panel.OUTPUT),
    ] = Path("checkpoint"),
    allow_outside: Annotated[
        bool,
        typer.Option(
            "--allow-outside",
            help="Let the recipe extend files outside its folder.",
            rich_help_panel=Panel.TRAINING,
        ),
    ] = False,
) -> None:
    """Train one checkpoint under a condition; an interrupted training goes on where it was."""
    flags = checked_fields(TrainOptions, given, "")
    check_bounds(TrainOptions(**flags), "--")
    data_dir, threads = flags.pop("data_dir", None), flags.pop("threads", None)
    if flags.pop("lora", False):
        flags["lora"] = {}
    from gisteval.training.recipe import build_recipe, load_recipe

    settings = load_recipe(recipe, flags, allow_outside) if recipe else build_recipe(flags, "flags")
    quiet_libraries()
    import torch

    from gisteval.tasks import load_task
    from gisteval.training.train import train as train_checkpoint

    if threads:
        torch.set_num_threads(threads)
    source = load_task(settings.task, data_dir=Path(data_dir) if data_dir else None)
    examples = list(source.examples(settings.split, settings.limit))
    record = train_checkpoint(settings, examples, output)
    losses = record.training["loss"]  # none where fewer steps are made than lie between two of them
    final = f", final loss {losses[-1][1]:.3f}" if losses else ""
    print_text(f"{record.name}: {counted(settings.steps, 'step')}{final}, saved in {output}")
