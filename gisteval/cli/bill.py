"""The command `gisteval bill`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from gisteval.cli.options import AsJson, with_options
from gisteval.cli.output import print_json, print_text
from gisteval.options import Panel, checked_fields
from gisteval.pipeline.bill.options import BillOptions


@with_options(BillOptions)
def bill(
    given: Mapping[str, Any],
    usage: Annotated[
        Path,
        typer.Argument(help="Log with a row a request: JSON Lines, CSV, or a provider's usage fields."),
    ],
    make_up: Annotated[
        int | None,
        typer.Option(
            help="Write a made-up log of so many requests to USAGE instead.",
            metavar="N",
            min=1,
            rich_help_panel=Panel.OUTPUT,
        ),
    ] = None,
    prompts: Annotated[
        int,
        typer.Option(
            help="Prompts that a made-up log's requests share.",
            metavar="N",
            min=1,
            rich_help_panel=Panel.OUTPUT,
        ),
    ] = 24,
    as_json: AsJson = False,
) -> None:
    """Price a usage log with and without caching and compression, and say which is cheapest."""
    options = BillOptions(**checked_fields(BillOptions, given, ""))
    from gisteval.billing.tables import bill_text
    from gisteval.pipeline.bill.bill import make_bill, write_made_up

    if make_up is not None:
        write_made_up(usage, make_up, prompts, options.seed)
        print_text(f"{usage}: a made-up log; next: gisteval bill {usage}")
        return
    made = make_bill(usage, options)
    if as_json:
        print_json(made.to_json())
    else:
        print_text(bill_text(made))
