"""What several commands have in common: options, and libraries that are kept quiet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
Base = Annotated[str | None, typer.Option(help="What a weight difference is to be added to.")]
ChatTemplate = Annotated[
    str | None,
    typer.Option(help="Prompts by the tokenizer's chat template, the instruction as: system or user."),
]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="YAML file; flags win over it.")]
DeviceMap = Annotated[
    str | None,
    typer.Option(help="auto, balanced, balanced_low_0, sequential or a .json file: spreads a model."),
]
Quantize = Annotated[str | None, typer.Option(help="Weights in int8 or int4 (extra: quantized).")]
DataDir = Annotated[str | None, typer.Option(help="Where downloaded data already lies.")]


def quiet_libraries() -> None:
    """Keep the libraries' own progress bars and advice off the terminal."""
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
