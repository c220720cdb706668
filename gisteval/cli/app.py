"""The command line: parse, build a configuration, make one call. Heavy imports wait for their command."""

from __future__ import annotations

import gc
import logging
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from gisteval.cli import gate as cli_gate
from gisteval.cli import human as cli_human
from gisteval.cli import report as cli_report
from gisteval.cli import view as cli_view
from gisteval.cli.judge import judge as judge_command
from gisteval.cli.lm_eval import lm_eval as lm_eval_command
from gisteval.cli.options import (
    AsJson,
    Base,
    ChatTemplate,
    DeviceMap,
    OptionalText,
    Quantize,
    print_json,
    print_text,
    quiet_libraries,
)
from gisteval.cli.profile import profile as profile_command
from gisteval.cli.run import run as run_command
from gisteval.cli.sweep import sweep as sweep_command
from gisteval.cli.train import train as train_command
from gisteval.errors import UNEXPECTED, GistevalError, counted, one_line
from gisteval.logs import OneLine, progress_on_stderr, unexpected_line

app = typer.Typer(
    name="gisteval",
    help="Evaluate and benchmark prompt compression.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "token_normalize_func": lambda token: token.replace("_", "-"),
    },
)

UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""click's error of the command line; typer exports only this one kind of it."""

USAGE, INTERRUPTED, BROKEN_PIPE = 2, 130, 141
"""Exit codes beside those of errors."""

PASS_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}
"""Every argument goes to another program's own command line."""


def main() -> None:
    """Entry point: the one place that makes exit codes of errors, each error one line on stderr.

    0 done, or a gate's PASS; 1 its FAIL; 2 wrong usage or configuration; 3 its INCONCLUSIVE; 4 an invalid
    run; 70 an unexpected error, which is a bug of gisteval; 130 interrupted; 141 nobody reads stdout.
    """
    # Imports of torch and transformers make objects by the million, all of them to stay: with Python's own
    # thresholds a seventh of a short command's time goes into looking for garbage among them.
    gc.set_threshold(100_000, 50, 10)
    warnings = logging.StreamHandler(sys.stderr)
    warnings.setFormatter(OneLine("%(levelname)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[warnings])
    try:
        with progress_on_stderr():
            code = app(sys.argv[1:] or ["--help"], prog_name="gisteval", standalone_mode=False) or 0
            sys.stdout.flush()
    except BaseException as error:
        code = _ended(error)
    if code == INTERRUPTED:  # typer turns a KeyboardInterrupt into this code
        _fail("interrupted; the same command goes on from here", code)
    raise SystemExit(code)


def _ended(error: BaseException) -> int:
    """The exit code of what ended a command, once it is said."""
    if isinstance(error, SystemExit) and isinstance(error.__context__, OSError):
        error = error.__context__  # typer ends the program itself where nobody reads stdout
    if isinstance(error, GistevalError):
        return _fail(" ".join(str(error).splitlines()), error.exit_code)
    if isinstance(error, UsageError):
        return _fail(_usage_message(error), USAGE)
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):
        # Whatever read stdout is gone; without this the interpreter would complain when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    if isinstance(error, OSError):
        return _fail(f"{error.filename or 'output'}: {error.strerror or one_line(error)}", USAGE)
    if isinstance(error, SystemExit) and error.code in (None, 0, USAGE):
        return int(error.code or 0)  # of another program's command line, which has said why
    return _fail(unexpected_line(error, " ".join(["gisteval", *sys.argv[1:]])), UNEXPECTED)


def _fail(message: str, code: int) -> int:
    with suppress(OSError):  # nobody may be reading stderr either
        print(f"gisteval: {message}", file=sys.stderr, flush=True)
    return code


def _usage_message(error: Exception) -> str:
    """click's message and the command whose help says more."""
    message = getattr(error, "format_message", error.__str__)().rstrip(".")
    context = getattr(error, "ctx", None)
    return f"{message}: see {context.command_path if context else 'gisteval'} --help"


app.command(name="run")(run_command)
app.command(name="sweep")(sweep_command)
app.command(name="train")(train_command)
app.command(name="profile")(profile_command)
app.command(name="judge")(judge_command)
app.command(name="lm-eval", add_help_option=False, context_settings=PASS_ON)(lm_eval_command)
app.add_typer(cli_human.app, name="human")
app.command(name="gate")(cli_gate.gate)
app.command(name="compare")(cli_gate.compare)
app.command(name="import-paper")(cli_report.import_paper)
app.command(name="import")(cli_report.import_predictions)
app.command(name="report")(cli_report.report)
app.command(name="view")(cli_view.view)


@app.command()
def score(
    paths: Annotated[
        list[Path], typer.Argument(help="CSV, TSV, JSONL or JSON files of predictions, or run folders.")
    ],
    prediction_column: Annotated[str, typer.Option(help="Column of the outputs.")] = "y_pred",
    reference_column: Annotated[str, typer.Option(help="Column of the references.")] = "y_true",
    cluster_column: Annotated[
        str | None, typer.Option(help="Column whose equal values belong together.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Score predictions made elsewhere: ROUGE-L and exact match, in percent. Score runs again."""
    from gisteval.pipeline.score_files import score_file

    runs = [path for path in paths if path.is_dir()]
    if runs:
        if len(runs) < len(paths):
            raise GistevalError("score files or run folders, not both at once")
        _score_runs(runs, as_json)
        return
    scores = [score_file(path, prediction_column, reference_column, cluster_column) for path in paths]
    for warning in filter(None, (found.warning() for found in scores)):
        print_text(f"warning: {warning}", file=sys.stderr)
    if as_json:
        print_json([found.as_row() for found in scores])
        return
    for found in scores:
        print_text(found.summary())


def _score_runs(runs: Sequence[Path], as_json: bool) -> None:
    """Score run folders again, and show their tables."""
    from gisteval.pipeline.score import score_run
    from gisteval.records.schema import to_json
    from gisteval.report.layout import plain_text
    from gisteval.report.tables import split_tables

    folders = [score_run(path) for path in runs]
    if as_json:
        rows = [{"run": str(f.path), "rows": [to_json(row) for row in f.results()]} for f in folders]
        print_json(rows)
        return
    for folder in folders:
        print_text("\n".join([str(folder.path), *map(plain_text, split_tables(folder.results()))]))


@app.command()
def compress(
    model: Annotated[str, typer.Option(help="Checkpoint folder or hub name.")],
    prompt: Annotated[list[str], typer.Option(help="Instruction to compress; may be repeated.")],
    compressor: Annotated[str | None, typer.Option(help="Default: the checkpoint's own.")] = None,
    budget: Annotated[int | None, typer.Option(help="Tokens or slots to keep.")] = None,
    k: Annotated[int | None, typer.Option("--k")] = None,
    condition: OptionalText = None,
    base: Base = None,
    chat_template: ChatTemplate = None,
    allow_pickle: Annotated[bool, typer.Option("--allow-pickle", help="Load .bin weights.")] = False,
    device: str = "auto",
    dtype: str = "auto",
    device_map: DeviceMap = None,
    quantize: Quantize = None,
    as_json: AsJson = False,
) -> None:
    """Compress instructions and show what is kept and what it takes to store it."""
    quiet_libraries()
    from gisteval.pipeline.compress import compress_prompts
    from gisteval.records.schema import as_condition

    rows = compress_prompts(
        model,
        prompt,
        compressor,
        budget=budget,
        k=k,
        condition=as_condition(condition),
        device=device,
        dtype=dtype,
        device_map=device_map,
        quantize=quantize,
        base=base,
        allow_pickle=allow_pickle,
        chat_template=chat_template,
    )
    _show(rows, as_json, _compressed_line)


def _compressed_line(row: dict[str, Any]) -> str:
    instruction = row["source_tokens"] - row["template_tokens"]
    parts = [
        f"{counted(instruction, 'token')} of instruction and {row['template_tokens']} of template",
        f"-> {counted(row['kept'] - row['kept_template'], 'slot')} and {row['kept_template']} of template",
    ]
    return f"{' '.join(parts)}, {row['bytes']:,} bytes ({row['compressor']}): {row['prompt']}"


@app.command(name="ls")
def list_content(
    kind: Annotated[str, typer.Argument(help="tasks, judges, compressors, metrics or checkpoints.")],
    as_json: AsJson = False,
) -> None:
    """List what is there."""
    from gisteval.pipeline.listing import listing

    _show(listing(kind), as_json, lambda row: f"{row['name']:24}  {row['description']}")


@app.command()
def validate(
    path: Annotated[Path | None, typer.Argument(help="A task.yaml or a folder of content.")] = None,
    with_data: Annotated[bool, typer.Option("--with-data", help="Read every split, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check tasks, report templates and checkpoints before a machine is booked for them."""
    from gisteval.pipeline.listing import validate_content

    _show(validate_content(path, with_data), as_json, lambda item: f"ok  {item}")


def _show(rows: Sequence[Any], as_json: bool, line: Callable[[Any], str]) -> None:
    """The rows as JSON, or each as a line."""
    if as_json:
        print_json(rows)
    else:
        print_text("\n".join(map(line, rows)))
