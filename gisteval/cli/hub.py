"""The commands `gisteval hub push` and `gisteval hub pull`: run folders on the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Run folders on the Hugging Face Hub, as datasets.", no_args_is_help=True)

Repository = Annotated[str, typer.Argument(help="Dataset repository.", metavar="OWNER/NAME")]


@app.command(name="push")
def push(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    repository: Repository,
    public: Annotated[bool, typer.Option("--public", help="Make a new repository public.")] = False,
) -> None:
    """Push a run with its outputs and a card of its scores. A new repository is private."""
    from gisteval.integrations.hub import push_run
    from gisteval.records.run_folder import RunFolder

    print(push_run(RunFolder.open(run), repository, private=not public))


@app.command(name="pull")
def pull(
    repository: Repository,
    output: Annotated[Path, typer.Option(help="Folder for the run.", metavar="DIR")],
    revision: Annotated[
        str | None, typer.Option(help="Branch, tag or commit. Default: the newest.", metavar="NAME")
    ] = None,
) -> None:
    """Fetch a run that was pushed."""
    from gisteval.integrations.hub import pull_run

    print(f"{pull_run(repository, output, revision).path}: next: gisteval report {output}")
