"""The command `gisteval profile`: shapes without weights, checkpoints with them, and what-if sweeps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gisteval.cli.options import (
    AsJson,
    ChatTemplate,
    DataDir,
    DeviceMap,
    Quantize,
    print_json,
    print_text,
    quiet_libraries,
)
from gisteval.errors import GistevalError

if TYPE_CHECKING:
    from gisteval.records.shape_facts import Profile


def profile(
    shape: Annotated[
        list[str] | None,
        typer.Option(help="llama-7b, flan-t5-xxl or a config.json; no weights needed. May be repeated."),
    ] = None,
    input_tokens: Annotated[int | None, typer.Option(help="Tokens that are run.")] = None,
    cached_tokens: Annotated[int, typer.Option(help="Tokens whose keys and values are there.")] = 0,
    output_tokens: Annotated[
        int | None, typer.Option(help="Tokens produced. Default: 1 (shape), 17 (model).")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Checkpoint or suite folder, or hub name.")] = None,
    task: Annotated[str, typer.Option(help="Task name, folder or YAML file.")] = "wordplay",
    split: Annotated[str | None, typer.Option(help="Split. Default: the task's last default one.")] = None,
    limit: Annotated[int, typer.Option(help="Examples, spread over the split.")] = 32,
    batch_size: Annotated[
        str, typer.Option("--batch-size", "--batch-sizes", help="One or more, separated by commas.")
    ] = "1,8",
    time_budget: Annotated[
        float, typer.Option(help="Seconds from the loaded model to the last pass, all batch sizes.")
    ] = 60.0,
    memory_budget: Annotated[str, typer.Option(help="For prompts that fit, such as 80GB.")] = "80GB",
    what_if: Annotated[bool, typer.Option("--what-if", help="Sweep lengths on the shapes.")] = False,
    prompt_tokens: Annotated[str, typer.Option(help="Lengths to sweep.")] = "26,100,400,1000,4000",
    gist_tokens: Annotated[str, typer.Option(help="Values of k to sweep.")] = "1,10",
    released: Annotated[
        list[Path] | None, typer.Option(help="The paper's benchmark CSVs, to recompute their means.")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads.")] = None,
    device: str = "auto",
    dtype: str = "auto",
    device_map: DeviceMap = None,
    quantize: Quantize = None,
    output: Annotated[Path | None, typer.Option(help="Folder of profile.json, tables, figures.")] = None,
    chat_template: ChatTemplate = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Measure FLOPs, wall time and memory, and say after how many reuses compression pays."""
    if sum(map(bool, (shape, model, released))) != 1:
        raise GistevalError("give one of --shape (no weights), --model (with weights) or --released")
    quiet_libraries()
    from gisteval.pipeline.profile import profile_shapes as profiles
    from gisteval.report.profile import profile_text, require_figures

    if output:
        require_figures()
        profiles.check_output(output)
    found: Profile
    if released:
        from gisteval.pipeline.profile.released import released_profile

        found = released_profile(released)
    elif shape and what_if:
        found = profiles.what_if_profile(
            profiles.SweepOptions(
                shapes=tuple(shape),
                prompt_tokens=_numbers("--prompt-tokens", prompt_tokens),
                gist_tokens=_numbers("--gist-tokens", gist_tokens),
                batches=_numbers("--batch-size", batch_size),
                input_tokens=34 if input_tokens is None else input_tokens,
                output_tokens=1 if output_tokens is None else output_tokens,
                memory_budget=profiles.parse_bytes(memory_budget),
            )
        )
    elif shape:
        if input_tokens is None or len(shape) > 1:
            raise GistevalError("give one --shape with --input-tokens, or several with --what-if")
        found = profiles.shape_profile(
            shape[0], input_tokens, cached_tokens, 1 if output_tokens is None else output_tokens
        )
    else:
        from gisteval.pipeline.profile.profile_model import OUTPUT_TOKENS, ModelOptions, model_profile

        found = model_profile(
            ModelOptions(
                model=model or "",
                task=task,
                split=split,
                limit=limit,
                batch_sizes=_numbers("--batch-size", batch_size),
                output_tokens=OUTPUT_TOKENS if output_tokens is None else output_tokens,
                time_budget=time_budget,
                memory_budget=profiles.parse_bytes(memory_budget),
                threads=threads,
                device=device,
                dtype=dtype,
                device_map=device_map,
                quantize=quantize,
                data_dir=data_dir,
                chat_template=chat_template,
            )
        )
    written = profiles.write_profile(found, output) if output else None
    if as_json:
        print_json(found.to_json())
    else:
        print_text(profile_text(found))
    if written and not as_json:
        print(f"report: {written}")


def _numbers(option: str, text: str) -> tuple[int, ...]:
    """Each number once, in the order given."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) for part in parts):
        raise GistevalError(f"{option} must be positive numbers separated by commas, not {text!r}")
    return tuple(dict.fromkeys(int(part) for part in parts))
