"""The command `gisteval profile`: shapes without weights, checkpoints with them, and what-if sweeps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gisteval.cli.options import AsJson, FigureFormats, Given, with_options
from gisteval.cli.output import print_json, print_text, quiet_libraries
from gisteval.options import Panel
from gisteval.pipeline.profile.options import ProfileOptions

if TYPE_CHECKING:
    from gisteval.records.shape_facts import Profile


@with_options(ProfileOptions)
def profile(
    given: Given[ProfileOptions],
    output: Annotated[
        Path | None,
        typer.Option(
            help="Folder of profile.json, tables and figures.", metavar="DIR", rich_help_panel=Panel.OUTPUT
        ),
    ] = None,
    formats: FigureFormats = "",
    as_json: AsJson = False,
) -> None:
    """Measure FLOPs, wall time and memory, and say after how many reuses compression pays."""
    options = given.build()
    quiet_libraries()
    from gisteval.pipeline.profile import profile_shapes as profiles
    from gisteval.report.figures.folder import parse_formats
    from gisteval.report.profile import profile_text, require_figures

    kinds = parse_formats(formats)
    if output:
        require_figures()
        profiles.check_output(output)
    content = _measured(options)
    written = profiles.write_profile(content, output, kinds) if output else None
    if as_json:
        print_json(content.to_json())
    else:
        print_text(profile_text(content))
    if written and not as_json:
        print(f"report: {written}")


def _measured(options: ProfileOptions) -> Profile:
    """The profile of whatever the options name."""
    if options.released:
        from gisteval.pipeline.profile.released import released_profile

        return released_profile(options.released)
    if options.shapes:
        from gisteval.pipeline.profile.profile_shapes import shape_profile

        return shape_profile(options)
    from gisteval.pipeline.profile.profile_model import model_profile

    return model_profile(options)
