"""The command `gisteval run`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from gisteval.cli.estimate import DollarsPerHour, DryRun, FlopsPerSecond, given_rates, print_estimate
from gisteval.cli.options import (
    AllowHost,
    AsJson,
    Base,
    ChatTemplate,
    ConfigFile,
    DataDir,
    DeviceMap,
    ExecutorName,
    GpusPerWorker,
    JudgeParam,
    NumWorkers,
    Quantize,
    RayAddress,
    Thinking,
    given,
    print_text,
    quiet_libraries,
)


def run(
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Checkpoint or suite folder, or hub name; may be repeated. Default: the demo suites."
        ),
    ] = None,
    pos_control: Annotated[str | None, typer.Option(help="Trained positive control.")] = None,
    neg_control: Annotated[str | None, typer.Option(help="Trained negative control.")] = None,
    condition: Annotated[str | None, typer.Option(help="For a folder without gist.json.")] = None,
    k: Annotated[int | None, typer.Option("--k", help="Gist tokens, if not the trained number.")] = None,
    compressor: Annotated[
        list[str] | None, typer.Option(help="Compressor of the candidates; may be repeated.")
    ] = None,
    budget: Annotated[int | None, typer.Option(help="Tokens or slots a compressor keeps.")] = None,
    task: Annotated[str | None, typer.Option(help="Task name, folder or YAML file.")] = None,
    split: Annotated[str | None, typer.Option(help="Comma-separated splits.")] = None,
    limit: Annotated[int | None, typer.Option(help="Examples a split.")] = None,
    batch_size: Annotated[str | None, typer.Option(help="auto or a number.")] = None,
    max_new_tokens: Annotated[int | None, typer.Option(help="Longest output, in tokens.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = None,
    dtype: Annotated[str | None, typer.Option(help="auto, float32, bfloat16, float16.")] = None,
    device_map: DeviceMap = None,
    quantize: Quantize = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the resampled intervals.")] = None,
    output: Annotated[
        str | None, typer.Option(help="Folder of the run; an unfinished one is resumed.")
    ] = None,
    data_dir: DataDir = None,
    base: Base = None,
    chat_template: ChatTemplate = None,
    thinking: Thinking = None,
    allow_pickle: Annotated[bool, typer.Option("--allow-pickle", help="Load .bin weights.")] = False,
    judge: Annotated[str | None, typer.Option(help="Judge of the win rates, or none.")] = None,
    judge_param: JudgeParam = None,
    allow_host: AllowHost = None,
    profile: Annotated[bool, typer.Option("--profile", help="Then measure speed and memory.")] = False,
    executor: ExecutorName = None,
    ray_address: RayAddress = None,
    num_workers: NumWorkers = None,
    gpus_per_worker: GpusPerWorker = None,
    config: ConfigFile = None,
    dry_run: DryRun = False,
    flops_per_second: FlopsPerSecond = None,
    dollars_per_hour: DollarsPerHour = None,
    as_json: AsJson = False,
) -> None:
    """Evaluate checkpoints with their controls on the splits of a task."""
    flags = given(
        pos_control=pos_control,
        neg_control=neg_control,
        condition=condition,
        k=k,
        budget=budget,
        task=task,
        limit=limit,
        batch_size=batch_size,
        max_new_tokens=max_new_tokens,
        device=device,
        dtype=dtype,
        device_map=device_map,
        quantize=quantize,
        seed=seed,
        output=output,
        data_dir=data_dir,
        models=model or None,
        compressors=compressor or None,
        splits=split,
        judge=judge,
        judge_params=judge_param or None,
        allow_host=allow_host,
        allow_pickle=allow_pickle or None,
        base=base,
        chat_template=chat_template,
        thinking=thinking,
        profile=profile or None,
        executor=executor,
        ray_address=ray_address,
        num_workers=num_workers,
        gpus_per_worker=gpus_per_worker,
    )
    from gisteval.config import read_config

    settings = read_config(config, flags)
    quiet_libraries()
    from gisteval.pipeline.run.evaluate import run as run_pipeline
    from gisteval.pipeline.run.plan import plan_run
    from gisteval.report.judging import judging_text
    from gisteval.report.layout import plain_text
    from gisteval.report.tables import split_tables

    rates = given_rates(dry_run, flops_per_second, dollars_per_hour)
    if rates is not None:
        print_estimate(plan_run(settings), rates, as_json)
        return
    finished = run_pipeline(settings, ["gisteval", *sys.argv[1:]])
    if as_json:
        print((finished.folder / "results.json").read_text(encoding="utf-8"), end="")
    else:
        print_text("\n".join(map(plain_text, split_tables(finished.rows))))
        print_text(judging_text(finished.judging), end="\n" if finished.judging else "")
        print(f"report: {finished.folder / 'report' / 'report.html'}")
    for note in finished.notes:
        print_text(f"note: {note}", file=sys.stderr)
