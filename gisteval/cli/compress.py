"""The command `gisteval compress`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gisteval.cli.options import COMPRESSING, AsJson, Given, OneModel, with_options
from gisteval.cli.output import print_json, print_text, quiet_libraries
from gisteval.config import RunConfig
from gisteval.config_file import read_config
from gisteval.errors import counted
from gisteval.options import Panel

if TYPE_CHECKING:
    from gisteval.pipeline.compress import CompressedRow, KeptStates


@with_options(RunConfig, *COMPRESSING, "quantize")
def compress(
    given: Given[RunConfig],
    model: OneModel,
    prompt: Annotated[
        list[str] | None,
        typer.Option(
            help="Instruction to compress. May be repeated.",
            metavar="TEXT",
            rich_help_panel=Panel.COMPRESSION,
        ),
    ] = None,
    token_ids: Annotated[
        Path | None,
        typer.Option(
            help="JSON file of whole prompts as token ids, in place of --prompt: a list of ids, or a list "
            "of such lists. The checkpoint needs no tokenizer then.",
            metavar="FILE",
            rich_help_panel=Panel.COMPRESSION,
        ),
    ] = None,
    query: Annotated[
        str | None,
        typer.Option(
            help="Input that an oracle, such as snapkv@query, sees.",
            metavar="TEXT",
            rich_help_panel=Panel.COMPRESSION,
        ),
    ] = None,
    attention: Annotated[
        str | None,
        typer.Option(
            help="Attention function of transformers: sdpa or eager. [dim]\\[default: the model's own, "
            "which is sdpa where it has one][/dim]",
            metavar="sdpa|eager",
            rich_help_panel=Panel.HARDWARE,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compress prompts and show what is kept of them and what it takes to store it.

    `--json` prints an object for one result, and a list of them for several.
    """
    config = read_config(None, {**given, "models": [model]})
    quiet_libraries()
    from gisteval.pipeline.compress import compress_prompts

    rows = compress_prompts(config, prompt or (), token_ids, attention, query)
    if as_json:
        content = [row.to_json() for row in rows]
        print_json(content[0] if len(content) == 1 else content)
    else:
        print_text("\n".join(map(_told, rows)))


def _told(row: CompressedRow) -> str:
    """A row's accounting, and the prompt with what is kept of it marked."""
    lines = _compressed_lines(row)
    if row.tokens and row.shares and row.layers:
        return "\n".join([*lines, marked(row.tokens, row.shares), _legend(row.layers)])
    return "\n".join([*lines, row.prompt if row.tokens is None else "".join(row.tokens)])


def marked(tokens: Sequence[str], shares: Sequence[float]) -> str:
    """A prompt whose tokens bear, in brackets, the percentage of heads that keep them (nothing for 0)."""
    pieces = []
    for token, share in zip(tokens, shares, strict=True):
        text = token.rstrip("\n")
        percent = f"[{max(1, round(100 * share))}]" if share else ""
        pieces.append(text + percent + token[len(text) :])
    between = " " if all(token.isdecimal() for token in tokens) else ""
    return between.join(pieces).strip("\n")


def _legend(layers: Sequence[KeptStates]) -> str:
    heads = sum(len(layer.indices) for layer in layers)
    return f"[N]: N% of the {counted(heads, 'key-value head')} of all layers keep the token before it"


def _compressed_lines(row: CompressedRow) -> tuple[str, str]:
    """What went in and what is kept, and what that takes: 80 columns have no room for both."""
    instruction = row.source_tokens - row.template_tokens
    kept = f"{counted(row.kept - row.kept_template, 'slot')} and {row.kept_template} of template"
    oracle = "" if row.reusable else ", an oracle: for this input alone"
    return (
        f"{counted(instruction, 'token')} of instruction and {row.template_tokens} of template -> {kept}",
        f"{row.bytes:,} bytes, {row.seconds:.3f} s ({row.compressor}{oracle})",
    )
