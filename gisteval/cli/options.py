"""Options of commands, made from the metadata of dataclasses."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any, TypeAlias

import typer
from typer.models import ArgumentInfo

from gisteval.options import Described, described

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]

SplitNames = Annotated[
    str | None,
    typer.Option(
        help="Parts of the task, separated by commas. Default: all that both runs have.", metavar="NAMES"
    ),
]
"""Splits of two runs that are compared."""

Command: TypeAlias = Callable[..., None]


def with_options(kind: type, *names: str) -> Callable[[Command], Command]:
    """Give a command the options that a dataclass describes.

    The command is called with the options that were given on the command line, by the names of the
    dataclass's fields, and with its own parameters, which it declares as Typer has them.

    Args:
        kind: The dataclass.
        names: Fields that are options of this command. Default: all of them.
    """
    chosen = [item for name, item in described(kind).items() if not names or name in names]
    shown = {item.name: _parameter(item) for item in chosen if not item.option.file_only}

    def decorate(command: Command) -> Command:
        _, *own = inspect.signature(command, eval_str=True).parameters.values()

        def call(**values: Any) -> None:
            described_values = {name: values.pop(name) for name in shown}
            given = {name: value for name, value in described_values.items() if _was_given(value)}
            command(given, **values)

        first = [item for item in own if _is_argument(item) or item.default is item.empty]
        last = [item for item in own if item not in first]
        parameters = [
            item.replace(kind=inspect.Parameter.KEYWORD_ONLY) for item in (*first, *shown.values(), *last)
        ]
        call.__name__, call.__doc__ = command.__name__, command.__doc__
        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        call.__annotations__ = {item.name: item.annotation for item in parameters}
        return call

    return decorate


def _was_given(value: Any) -> bool:
    """Whether an option was on the command line; 0 may well have been."""
    return value is not None and value is not False and value != []


def _is_argument(parameter: inspect.Parameter) -> bool:
    metadata = getattr(parameter.annotation, "__metadata__", ())
    return any(isinstance(item, ArgumentInfo) for item in metadata)


def _parameter(item: Described) -> inspect.Parameter:
    """The Typer parameter of an option. Its default is that it was not given."""
    option = item.option
    kind: Any = str if option.parse else item.kind
    if item.several and not option.parse:
        kind = list[kind]
    flags = [f"--{flag}" for flag in (item.flag, *option.more_flags)]
    info = typer.Option(
        *flags, help=help_text(item), metavar=item.metavar, rich_help_panel=option.panel.value
    )
    flag_only = item.kind is bool
    return inspect.Parameter(
        item.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=False if flag_only else None,
        annotation=Annotated[bool if flag_only else kind | None, info],
    )


def help_text(item: Described) -> str:
    """The help of an option and its default."""
    text = item.help.replace("[", r"\[")
    return rf"{text} [dim]\[default: {item.unset}][/dim]" if item.unset else text


def names_of(text: str | None) -> tuple[str, ...]:
    """The names in a comma-separated text."""
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())
