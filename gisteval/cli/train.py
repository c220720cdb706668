"""The command `gisteval train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gisteval.cli.options import ChatTemplate, OptionalText, given, print_text, quiet_libraries
from gisteval.errors import counted


def train(
    recipe: Annotated[Path | None, typer.Argument(help="Recipe (YAML).")] = None,
    output: Annotated[Path, typer.Option(help="Folder of the new checkpoint.")] = Path("checkpoint"),
    task: OptionalText = None,
    split: OptionalText = None,
    family: Annotated[str | None, typer.Option(help="Name shared by the checkpoints of a suite.")] = None,
    condition: Annotated[str | None, typer.Option(help="gist, pos_control or neg_control.")] = None,
    k: Annotated[int | None, typer.Option("--k", help="Gist tokens.")] = None,
    base: Annotated[str | None, typer.Option(help="Model folder, hub name or gist checkpoint.")] = None,
    chat_template: ChatTemplate = None,
    steps: Annotated[int | None, typer.Option(help="Optimiser steps.")] = None,
    limit: Annotated[int | None, typer.Option(help="Training examples.")] = None,
    learning_rate: Annotated[float | None, typer.Option()] = None,
    rows_per_step: Annotated[int | None, typer.Option()] = None,
    seed: Annotated[int | None, typer.Option()] = None,
    lora: Annotated[bool, typer.Option("--lora", help="Train low-rank adapters (extra: train).")] = False,
    data_dir: Annotated[Path | None, typer.Option(help="Where downloaded data already lies.")] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads.", min=1, max=4096)] = None,
    allow_outside: Annotated[
        bool, typer.Option("--allow-outside", help="Let the recipe extend files outside its folder.")
    ] = False,
) -> None:
    """Train one checkpoint under a condition; an interrupted training goes on where it was."""
    flags = given(
        task=task,
        split=split,
        family=family,
        condition=condition,
        k=k,
        base=base,
        chat_template=chat_template,
        steps=steps,
        limit=limit,
        learning_rate=learning_rate,
        rows_per_step=rows_per_step,
        seed=seed,
        lora={} if lora else None,
    )
    from gisteval.training.recipe import build_recipe, load_recipe

    settings = load_recipe(recipe, flags, allow_outside) if recipe else build_recipe(flags, "flags")
    quiet_libraries()
    import torch

    from gisteval.tasks import load_task
    from gisteval.training.train import train as train_checkpoint

    if threads:
        torch.set_num_threads(threads)
    source = load_task(settings.task, data_dir=data_dir)
    examples = list(source.examples(settings.split, settings.limit))
    record = train_checkpoint(settings, examples, output)
    final = record.training["loss"][-1][1] if record.training["loss"] else float("nan")
    print_text(
        f"{record.name}: {counted(settings.steps, 'step')}, final loss {final:.3f}, saved in {output}"
    )
