"""The command `gisteval diagnose`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from gisteval.cli.options import AsJson, with_options
from gisteval.cli.output import print_json, print_text, quiet_libraries
from gisteval.options import checked_fields
from gisteval.pipeline.diagnose.options import DiagnoseOptions


@with_options(DiagnoseOptions)
def diagnose(
    given: Mapping[str, Any],
    run: Annotated[Path | None, typer.Argument(help="Folder of a finished run.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what compression loses, where, and whether gists are healthy."""
    options = DiagnoseOptions(run=run, **checked_fields(DiagnoseOptions, given, ""))
    quiet_libraries()
    from gisteval.pipeline.diagnose.diagnose import diagnose as make_diagnosis
    from gisteval.report.diagnosis.tables import diagnosis_text

    finished = make_diagnosis(options, ["gisteval", *sys.argv[1:]])
    if as_json:
        print_json(finished.diagnosis.to_json())
    else:
        print_text(diagnosis_text(finished.diagnosis))
        print(f"page: {finished.page}")
    for note in finished.diagnosis.notes:
        print_text(f"note: {note}", file=sys.stderr)
