"""The command `gisteval export-logs`: a run as the files of other evaluation tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gisteval.errors import GistevalError, counted, did_you_mean


def export_logs(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    to: Annotated[
        str,
        typer.Option(
            help="inspect (logs for `inspect view`; extra: inspect) or lm-eval (results and samples).",
            metavar="inspect|lm-eval",
        ),
    ],
    output: Annotated[Path, typer.Option(help="Folder of the files.", metavar="DIR")],
) -> None:
    """Write a run as another evaluation tool's logs, one for each system."""
    from gisteval.integrations.eval_logs import WRITERS
    from gisteval.records.run_folder import RunFolder

    if to not in WRITERS:
        raise GistevalError(f"--to {to!r}{did_you_mean(to, WRITERS)}: choose from {', '.join(WRITERS)}")
    written = WRITERS[to](RunFolder.open(run), output)
    print(f"{output}: {counted(len(written), 'file')}")
