"""The command line as a whole: its commands, and what each way to end one means for the exit code."""

from __future__ import annotations

import gc
import logging
import os
import sys
from contextlib import suppress
from typing import Annotated

import typer

from gisteval.cli import hub, human, runs
from gisteval.cli.bill import bill
from gisteval.cli.compare import compare
from gisteval.cli.compress import compress
from gisteval.cli.coverage import coverage
from gisteval.cli.diagnose import diagnose
from gisteval.cli.export_logs import export_logs
from gisteval.cli.export_prefix import export_prefix
from gisteval.cli.export_prompts import export_prompts
from gisteval.cli.export_values import export_values
from gisteval.cli.gate import gate
from gisteval.cli.import_paper import import_paper
from gisteval.cli.import_predictions import import_predictions
from gisteval.cli.judge import judge
from gisteval.cli.leaderboard import leaderboard
from gisteval.cli.lm_eval import lm_eval
from gisteval.cli.ls import ls
from gisteval.cli.new import new
from gisteval.cli.options import Command
from gisteval.cli.profile import profile
from gisteval.cli.remote import local_arguments
from gisteval.cli.report import report
from gisteval.cli.run import run
from gisteval.cli.score import score
from gisteval.cli.sweep import sweep
from gisteval.cli.train import train
from gisteval.cli.validate import validate
from gisteval.cli.view import view
from gisteval.errors import UNEXPECTED, GistevalError, one_line
from gisteval.logs import OneLine, progress_on_stderr, unexpected_line


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"gisteval {version('gisteval')}")
        raise typer.Exit


app = typer.Typer(
    name="gisteval",
    help="Evaluate and benchmark prompt compression.",
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "token_normalize_func": lambda token: token.replace("_", "-"),
    },
)


@app.callback()
def common(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """Evaluate and benchmark prompt compression."""


UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""click's error of the command line; typer exports only this one kind of it."""

USAGE, INTERRUPTED, BROKEN_PIPE = 2, 130, 141
"""Exit codes beside those of errors."""

PASS_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}
"""Every argument goes to another program's own command line."""

COMMANDS: dict[str, dict[str, Command]] = {
    "Evaluate": {
        "run": run,
        "sweep": sweep,
        "profile": profile,
        "diagnose": diagnose,
        "bill": bill,
        "compress": compress,
    },
    "Judge and compare": {"judge": judge, "gate": gate, "compare": compare},
    "Report": {"report": report, "leaderboard": leaderboard, "view": view, "coverage": coverage},
    "Other tools": {
        "score": score,
        "import": import_predictions,
        "import-paper": import_paper,
        "export-values": export_values,
        "export-prefix": export_prefix,
        "export-logs": export_logs,
    },
    "Prepare": {
        "ls": ls,
        "validate": validate,
        "export-prompts": export_prompts,
        "train": train,
        "new": new,
    },
}
"""The commands by the panel that help shows them in. Four more have a command line of their own."""

for _panel, _commands in COMMANDS.items():
    for _name, _command in _commands.items():
        app.command(name=_name, rich_help_panel=_panel)(_command)
app.command(name="lm-eval", add_help_option=False, context_settings=PASS_ON, rich_help_panel="Other tools")(
    lm_eval
)
app.add_typer(human.app, name="human", rich_help_panel="Judge and compare")
app.add_typer(hub.app, name="hub", rich_help_panel="Other tools")
app.add_typer(runs.app, name="runs", rich_help_panel="Report")


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
        with progress_on_stderr(), local_arguments(sys.argv[1:] or ["--help"]) as arguments:
            code = app(arguments, prog_name="gisteval", standalone_mode=False) or 0
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
    """The message of click, and the command whose help says more."""
    message = getattr(error, "format_message", error.__str__)().rstrip(".")
    context = getattr(error, "ctx", None)
    return f"{message}: see {context.command_path if context else 'gisteval'} --help"
