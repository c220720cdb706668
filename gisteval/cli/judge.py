"""The command `gisteval judge`: win rates of a finished run against its positive control."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from gisteval.cli.options import AsJson, Given, Verbose, with_options
from gisteval.cli.output import print_json, print_text, quiet_libraries
from gisteval.errors import GistevalError, counted
from gisteval.options import Panel
from gisteval.pipeline.judge.options import JudgeOptions


@with_options(JudgeOptions)
def judge(
    given: Given[JudgeOptions],
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    reparse: Annotated[
        bool,
        typer.Option(
            "--reparse",
            help="Read the stored replies again. Nothing is asked.",
            rich_help_panel=Panel.JUDGE,
        ),
    ] = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Judge a run pairwise against its positive control; goes on where it was stopped."""
    from gisteval.judging.definition import load_judge
    from gisteval.pipeline.judge.judge_run import check_trust, judge_run
    from gisteval.pipeline.judge.reparse import reparse_run
    from gisteval.pipeline.judge.until_decided import judge_until_decided
    from gisteval.report.judging import judging_text
    from gisteval.report.summary import judged_text

    options = given.build()
    if reparse and options.until_decided:
        raise GistevalError(
            "--reparse asks nothing, so there is nothing to decide: leave --until-decided out"
        )
    stopped = None
    if load_judge(options.judge).definition.kind == "local":
        quiet_libraries()
    if reparse:
        outcome = reparse_run(run, options)
        read = counted(outcome.read, "reply is", "replies are")
        typer.echo(f"{outcome.changed} of {read} read differently now", err=True)
        entries = outcome.entries
        check_trust(run, entries)
    elif options.until_decided:
        entries, stopped = judge_until_decided(run, options)
    else:
        entries = judge_run(run, options)
    if as_json:
        found = [entry.to_json() for entry in entries]
        print_json({"decision": asdict(stopped), "judging": found} if stopped else found)
    else:
        print_text(judging_text(entries) if verbose else judged_text(entries))
        if stopped:
            print(stopped.text)
        print(f"report: {run / 'report' / 'report.md'}")
