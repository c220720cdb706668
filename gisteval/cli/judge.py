"""The command `gisteval judge`: win rates of a finished run against its positive control."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gisteval.cli.options import (
    AsJson,
    ExecutorName,
    GpusPerWorker,
    JudgeParam,
    NumWorkers,
    RayAddress,
    print_json,
    print_text,
    quiet_libraries,
)
from gisteval.errors import GistevalError, counted


def judge(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    name: Annotated[
        str, typer.Option("--judge", help="Name of a judge, or a folder of one.")
    ] = "reference",
    model: Annotated[
        str | None, typer.Option(help="Model asked for; for a local judge its folder or hub name.")
    ] = None,
    base_url: Annotated[str | None, typer.Option(help="Server, up to /v1.")] = None,
    api_key_env: Annotated[
        str | None, typer.Option(help="Environment variable that holds the key; keys are never stored.")
    ] = None,
    allow_host: Annotated[
        str | None, typer.Option(help="Host (or host:port) that the judge's file may name as its server.")
    ] = None,
    concurrency: Annotated[int, typer.Option(help="Requests at a time.")] = 8,
    rate: Annotated[float | None, typer.Option(help="Requests a minute at most.")] = None,
    timeout: Annotated[float, typer.Option(help="Seconds for one try, all of it.")] = 60.0,
    retries: Annotated[int, typer.Option(help="Tries after the first.")] = 4,
    max_cost: Annotated[
        float | None, typer.Option(help="Dollars that this command may spend; it stops before.")
    ] = None,
    price: Annotated[
        str | None, typer.Option(help="IN,OUT: dollars a million tokens, if the judge has none.")
    ] = None,
    judge_param: JudgeParam = None,
    limit: Annotated[
        int | None, typer.Option(help="Pairs of each system and split, the first ones.")
    ] = None,
    cache: Annotated[Path | None, typer.Option(help="File of replies paid for, shared by runs.")] = None,
    reparse: Annotated[
        bool, typer.Option("--reparse", help="Read the stored replies again; asks nothing.")
    ] = False,
    device: str = "auto",
    dtype: str = "auto",
    batch_size: Annotated[int, typer.Option(help="Of a local judge.")] = 8,
    executor: ExecutorName = None,
    ray_address: RayAddress = None,
    num_workers: NumWorkers = None,
    gpus_per_worker: GpusPerWorker = None,
    as_json: AsJson = False,
) -> None:
    """Judge a run pairwise against its positive control; goes on where it was stopped."""
    from gisteval.judging.definition import load_judge
    from gisteval.pipeline.judge.judge_run import check_trust, judge_run
    from gisteval.pipeline.judge.prepared import JudgeOptions
    from gisteval.pipeline.judge.reparse import reparse_run
    from gisteval.report.judging import judging_text

    options = JudgeOptions(
        judge=name,
        model=model,
        base_url=base_url,
        api_key_env=api_key_env,
        allow_host=allow_host,
        concurrency=concurrency,
        rate=rate,
        timeout=timeout,
        retries=retries,
        max_cost=max_cost,
        price=_price(price),
        limit=limit,
        cache=cache,
        device=device,
        dtype=dtype,
        batch_size=batch_size,
        executor=executor or "local",
        ray_address=ray_address,
        num_workers=num_workers,
        gpus_per_worker=gpus_per_worker,
        parameters=tuple(judge_param or ()),
    )
    if load_judge(name).definition.kind == "local":
        quiet_libraries()
    if reparse:
        outcome = reparse_run(run, options)
        read = counted(outcome.read, "reply is", "replies are")
        typer.echo(f"{outcome.changed} of {read} read differently now", err=True)
        entries = outcome.entries
        check_trust(run, entries)
    else:
        entries = judge_run(run, options)
    if as_json:
        print_json([entry.to_json() for entry in entries])
    else:
        print_text(judging_text(entries))
        print(f"report: {run / 'report' / 'report.md'}")


def _price(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        given, made = (float(part) for part in text.split(","))
    except ValueError as error:
        raise GistevalError(f"--price must be two numbers, such as 0.75,4.50, not {text!r}") from error
    if not (0 <= given < float("inf") and 0 <= made < float("inf")):
        raise GistevalError(f"--price must be two prices, not {text!r}")
    return given, made
