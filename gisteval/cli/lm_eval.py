"""The command `gisteval lm-eval`: lm-eval's own command line, with the model "gist" and our tasks."""

from __future__ import annotations

import sys

import typer

from gisteval.errors import GistevalError, one_line


def lm_eval(context: typer.Context) -> None:
    """Run lm-evaluation-harness with the model gist: all its flags are its own (extra: lm-eval)."""
    import gisteval.integrations.lm_eval  # noqa: F401  registers the model

    arguments = sys.argv
    from lm_eval.__main__ import cli_evaluate

    sys.argv = ["lm-eval", *with_defaults(context.args)]
    try:
        cli_evaluate()
    except (ValueError, KeyError, FileNotFoundError) as error:
        raise GistevalError(f"lm-eval: {one_line(error)}") from error
    except SystemExit as ended:
        if ended.code not in (None, 0):
            # It has said why. Its 1 for wrong usage would be a gate's FAIL here.
            raise GistevalError(f"lm-eval ended with {ended.code}") from ended
    finally:
        sys.argv = arguments


def with_defaults(given: list[str]) -> list[str]:
    """lm-eval's arguments with our tasks' folder and, for the model gist, rows as many as fit.

    They come first, so that the same option given again wins. A configuration file is left alone.
    """
    names = {argument.partition("=")[0] for argument in given}
    if not given or given[0] in ("ls", "validate") or names & {"--config", "-C", "--help", "-h"}:
        return given
    from gisteval.content import find_content

    rest = given[1:] if given[0] == "run" else given
    defaults = ["--include_path", str(find_content("tasks"))]
    if "gist" in rest or "--model=gist" in rest:
        defaults += ["--batch_size", "auto"]
    return ["run", *defaults, *rest]
