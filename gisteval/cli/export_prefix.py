"""The command `gisteval export-prefix`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from gisteval.cli.options import COMPRESSING, AsJson, Given, OneModel, with_options
from gisteval.cli.output import print_json, print_text, quiet_libraries
from gisteval.config import RunConfig
from gisteval.config_file import read_config
from gisteval.errors import counted
from gisteval.options import Panel


@with_options(RunConfig, *COMPRESSING)
def export_prefix(
    given: Given[RunConfig],
    model: OneModel,
    prompt: Annotated[
        str,
        typer.Option(help="Instruction to compress.", metavar="TEXT", rich_help_panel=Panel.COMPRESSION),
    ],
    output: Annotated[
        Path,
        typer.Option(help="File to write.", metavar="FILE", rich_help_panel=Panel.OUTPUT),
    ],
    engine: Annotated[
        str,
        typer.Option(
            help="Engine that loads the file.",
            metavar="transformers|llama.cpp",
            rich_help_panel=Panel.OUTPUT,
        ),
    ] = "transformers",
    probe: Annotated[
        str,
        typer.Option(
            help="Input that is run behind the prompt, to prove that both answer alike.",
            metavar="TEXT",
            rich_help_panel=Panel.OUTPUT,
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Write a compressed prompt as a cache that stock transformers, or llama.cpp, loads."""
    config = read_config(None, {**given, "models": [model]})
    quiet_libraries()
    from gisteval.pipeline.export_prefix import PLACEHOLDER
    from gisteval.pipeline.export_prefix import export_prefix as export

    written = export(config, prompt, engine, output, probe)
    if as_json:
        print_json({**asdict(written), "file": str(written.file)})
        return
    kept = f"{counted(written.slots, 'slot')} ({written.compressor}, {written.dtype})"
    moved = f"moved by {counted(written.moved, 'position')}, {written.bytes:,} bytes"
    proof = f"a stock model's logits differ from ours by at most {written.difference:.1e}"
    print_text(f"{written.file}: {kept}, {moved}; {proof}")
    if engine == "llama.cpp":
        print_text(f"prompts of requests begin with {counted(written.slots, 'token')} of id {PLACEHOLDER}")
