"""Sizes that the code keeps to. What is larger today is listed, and may only shrink."""

from __future__ import annotations

import ast
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "gisteval"
FILES = sorted(PACKAGE.rglob("*.py"))

FILE_LINES, FUNCTION_LINES = 300, 60

LONG_FILES: dict[str, int] = {}
LONG_FUNCTIONS: dict[str, int] = {}

UNTYPED = 44
"""Lines with `dict[str, Any]`: a dataclass or a TypedDict says more."""


def name_of(file: Path) -> str:
    return file.relative_to(PACKAGE).as_posix()


def lines_of(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines()


def file_sizes() -> dict[str, int]:
    return {name_of(file): len(lines_of(file)) for file in FILES}


def function_sizes() -> dict[str, int]:
    """Lines of functions by file and name, decorators apart; of several with one name, the longest."""
    sizes: dict[str, int] = {}
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                name = f"{name_of(file)}:{node.name}"
                sizes[name] = max(sizes.get(name, 0), node.end_lineno - node.lineno + 1)
    return sizes


def test_files_stay_short() -> None:
    sizes = file_sizes()
    assert len(sizes) > 100
    assert {name: size for name, size in sizes.items() if size > LONG_FILES.get(name, FILE_LINES)} == {}


def test_functions_stay_short() -> None:
    long = {n: size for n, size in function_sizes().items() if size > LONG_FUNCTIONS.get(n, FUNCTION_LINES)}
    assert long == {}


def test_what_became_short_leaves_the_lists() -> None:
    files, functions = file_sizes(), function_sizes()
    assert [name for name in LONG_FILES if files.get(name, 0) <= FILE_LINES] == []
    assert [name for name in LONG_FUNCTIONS if functions.get(name, 0) <= FUNCTION_LINES] == []


def test_untyped_dictionaries_grow_no_more() -> None:
    assert sum("dict[str, Any]" in line for file in FILES for line in lines_of(file)) <= UNTYPED


def test_every_folder_is_a_package() -> None:
    """Else import-linter, whose contracts are exhaustive, would not see it."""
    assert [name_of(file) for file in FILES if not (file.parent / "__init__.py").is_file()] == []
