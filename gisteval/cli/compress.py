"""The command `gisteval compress`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gisteval.cli.options import AsJson, with_options
from gisteval.cli.output import print_rows, quiet_libraries
from gisteval.config import RunConfig, read_config
from gisteval.errors import counted
from gisteval.options import Panel

SHARED = (
    *("condition", "base", "chat_template", "allow_pickle", "compressors", "budgets", "k"),
    *("device", "dtype", "device_map", "quantize"),
)
"""Options that mean what they mean for a run."""


@with_options(RunConfig, *SHARED)
def compress(
    given: dict[str, Any],
    model: Annotated[
        str,
        typer.Option(
            help="Folder of a checkpoint, or its name on the Hugging Face hub.",
            metavar="PATH",
            rich_help_panel=Panel.MODELS,
        ),
    ],
    prompt: Annotated[
        list[str],
        typer.Option(
            help="Instruction to compress. May be repeated.",
            metavar="TEXT",
            rich_help_panel=Panel.COMPRESSION,
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Compress instructions and show what is kept and what it takes to store it."""
    config = read_config(None, {**given, "models": [model]})
    quiet_libraries()
    from gisteval.pipeline.compress import compress_prompts

    print_rows(compress_prompts(config, prompt), as_json, _compressed_line)


def _compressed_line(row: dict[str, Any]) -> str:
    instruction = row["source_tokens"] - row["template_tokens"]
    parts = [
        f"{counted(instruction, 'token')} of instruction and {row['template_tokens']} of template",
        f"-> {counted(row['kept'] - row['kept_template'], 'slot')} and {row['kept_template']} of template",
    ]
    return f"{' '.join(parts)}, {row['bytes']:,} bytes ({row['compressor']}): {row['prompt']}"
