"""What several commands have in common: options, and libraries that are kept quiet."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from gisteval.errors import printable_lines

_STEERING = re.compile("[\x7f-\x9f]")
"""Characters that JSON leaves as they are, and some terminals obey."""

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
Thinking = Annotated[
    str | None,
    typer.Option(help="strip or keep the thought that a model writes before it answers (default: strip)."),
]
Quantize = Annotated[str | None, typer.Option(help="Weights in int8 or int4 (extra: quantized).")]
ExecutorName = Annotated[str | None, typer.Option("--executor", help="local or ray (extra: ray).")]
RayAddress = Annotated[
    str | None, typer.Option(help="Ray cluster; default: RAY_ADDRESS, else one on this machine.")
]
JudgeParam = Annotated[
    list[str] | None,
    typer.Option(help="name=value of the judge's requests, name= leaves one out; may be repeated."),
]
AllowHost = Annotated[
    str | None, typer.Option(help="Host (or host:port) that the judge's file may name as its server.")
]
NumWorkers = Annotated[int | None, typer.Option(help="Ray workers; default: as many as there is room for.")]
GpusPerWorker = Annotated[float | None, typer.Option(help="GPUs of a Ray worker, such as 1 or 0.5.")]
DataDir = Annotated[str | None, typer.Option(help="Where downloaded data already lies.")]
OptionalText = Annotated[str | None, typer.Option()]


def quiet_libraries() -> None:
    """Keep the libraries' own progress bars and advice off the terminal."""
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()


def given(**flags: Any) -> dict[str, Any]:
    """Only the flags that were given."""
    return {name: value for name, value in flags.items() if value is not None}


def print_text(text: object, file: TextIO | None = None, end: str = "\n") -> None:
    """What a command says, on stdout or another stream: no name in it can steer a terminal."""
    print(printable_lines(str(text)), file=file, end=end)


def print_json(content: Any) -> None:
    """What `--json` gives: strict JSON, without NaN and infinity."""
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    print(_STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text))
