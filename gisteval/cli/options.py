"""Options of commands, made from the metadata of dataclasses."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Generic, TypeAlias, TypeVar

import typer
from typer.models import ArgumentInfo

from gisteval.options import Described, Panel, checked_fields, described

Options = TypeVar("Options")

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]

Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        help="Print all tables with their intervals, however wide.",
        rich_help_panel=Panel.OUTPUT,
    ),
]

FigureFormats = Annotated[
    str,
    typer.Option(
        help="Formats of the figures beside SVG: png, pdf, or both separated by a comma.",
        metavar="NAMES",
        rich_help_panel=Panel.OUTPUT,
    ),
]

SplitNames = Annotated[
    str | None,
    typer.Option(
        help="Parts of the task, separated by commas. Default: all that both runs have.", metavar="NAMES"
    ),
]
"""Splits of two runs that are compared."""

OneModel = Annotated[
    str,
    typer.Option(
        help="Folder of a checkpoint, or its name on the Hugging Face hub.",
        metavar="PATH",
        rich_help_panel=Panel.MODELS,
    ),
]

COMPRESSING = (
    *("condition", "base", "chat_template", "allow_pickle", "compressors", "budgets", "k"),
    *("device", "dtype", "device_map"),
)
"""A run's options that say how one prompt is compressed."""

Command: TypeAlias = Callable[..., None]


class Given(Mapping[str, object], Generic[Options]):
    """The options that are on the command line, by the names of a dataclass's fields."""

    def __init__(self, kind: type[Options], values: Mapping[str, object]) -> None:
        """Keep them. kind: the dataclass that describes them."""
        self.kind = kind
        self.values_by_name = values

    def __getitem__(self, name: str) -> object:
        return self.values_by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)

    def build(self) -> Options:
        """Return the dataclass. Raises GistevalError for a value that does not fit."""
        return self.kind(**checked_fields(self.kind, self, ""))


def with_options(kind: type[Options], *names: str) -> Callable[[Command], Command]:
    """Give a command the options that a dataclass describes.

    The command is called with a `Given`, and with its own parameters, which it declares as Typer has them.

    Args:
        kind: The dataclass.
        names: Fields that are options of this command. Default: all of them.
    """
    options: type = kind  # a class can be hashed, which mypy does not believe of a type variable's
    chosen = [item for name, item in described(options).items() if not names or name in names]
    shown = {item.name: _parameter(item) for item in chosen if not item.option.file_only}

    def decorate(command: Command) -> Command:
        _, *own = inspect.signature(command, eval_str=True).parameters.values()

        def call(**values: Any) -> None:
            described_values = {name: values.pop(name) for name in shown}
            given = {name: value for name, value in described_values.items() if _was_given(value)}
            command(Given(kind, given), **values)

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
