"""Options of commands, made from dataclasses: what Typer parses and what a command is given."""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer

from gisteval.cli.app import COMMANDS, app
from gisteval.cli.options import AsJson, Given, names_of, with_options
from gisteval.config import RunConfig
from gisteval.options import Panel, described, option

LONGEST = 60


@dataclass(frozen=True)
class Settings:
    names: tuple[str, ...] = option((), "Names [of all].", Panel.TASK, flag="name")
    count: int = option(3, "Count.", Panel.TASK, more_flags=("counts",), metavar="N")
    fast: bool = option(False, "Fast.", Panel.HARDWARE)
    pair: tuple[int, int] | None = option(None, "Pair.", Panel.TASK, parse=lambda text: text)
    hidden: str = option("x", "Only in files.", Panel.TASK, file_only=True)


@pytest.fixture
def called(capsys) -> Any:
    """Calls a command with every option of Settings: called("--count", "2") -> its arguments."""
    calls: list[tuple[Any, ...]] = []

    @with_options(Settings)
    def command(
        given: Given[Settings],
        file: Annotated[Path, typer.Argument()],
        level: Annotated[int, typer.Option()] = 1,
        as_json: AsJson = False,
    ) -> None:
        """Do it."""
        calls.append((given, file, level, as_json))

    small = typer.Typer()
    small.command()(command)

    def call(*arguments: str) -> Any:
        small(list(arguments), standalone_mode=False)
        return calls[-1] if calls else capsys.readouterr().out

    return call


def test_only_what_was_given_is_passed_on(called) -> None:
    assert called("f") == ({}, Path("f"), 1, False)
    arguments = ["--name", "a", "--name", "b,c", "--counts", "0", "--fast", "--pair", "1,2", "f"]
    given = {"names": ["a", "b,c"], "count": 0, "fast": True, "pair": "1,2"}
    assert called(*arguments, "--level", "4", "--json") == (given, Path("f"), 4, True)


def test_an_option_of_files_only_is_none(called) -> None:
    with pytest.raises(Exception, match="No such option: --hidden"):
        called("f", "--hidden", "y")


def test_help_has_panels_defaults_and_square_brackets(called) -> None:
    text = called("--help")
    assert text.index("Options") < text.index("Task") < text.index("Hardware")
    assert "Names [of all]." in text
    assert "Count. [default: 3]" in text
    assert "Usage: " in text and "Do it." in text


def test_names_are_chosen() -> None:
    @with_options(RunConfig, "k", "device")
    def command(given: dict[str, Any]) -> None: ...

    assert list(inspect.signature(command).parameters) == ["k", "device"]


def test_every_field_of_a_run_has_an_option() -> None:
    parameters = {item.name: item.opts for item in typer.main.get_command(app).commands["run"].params}
    in_files_only = {name for name, item in described(RunConfig).items() if item.option.file_only}
    assert in_files_only == {"thinking_tags"}
    assert set(described(RunConfig)) - in_files_only < set(parameters)
    assert parameters["budgets"] == ["--budget"]
    assert all(item.option.help.endswith((".", "...")) for item in described(RunConfig).values())


def test_no_command_is_a_long_function() -> None:
    for file in sorted(Path(inspect.getfile(with_options)).parent.glob("*.py")):
        text = file.read_text(encoding="utf-8")
        assert text.count("\n") < 300, file
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < LONGEST, (file.name, node.name)


def test_commands_are_one_file_each() -> None:
    names = [made.__name__ for panel in COMMANDS.values() for made in panel.values()]
    folder = Path(inspect.getfile(with_options)).parent
    assert {name for name in names if not (folder / f"{name}.py").is_file()} == set()


@pytest.mark.parametrize(("text", "names"), [(None, ()), ("", ()), ("a", ("a",)), (" a, b ,", ("a", "b"))])
def test_names_of_a_text(text: str | None, names: tuple[str, ...]) -> None:
    assert names_of(text) == names
