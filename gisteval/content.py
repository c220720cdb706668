"""Where content lives (tasks/, judges/, reports/ and checkpoints/), and how its YAML is read."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import yaml

from gisteval.errors import GistevalError, one_line
from gisteval.files.foreign import check_depth, read_text

if TYPE_CHECKING:
    from pydantic import ValidationError

PACKAGE = Path(__file__).resolve().parent


def find_content(kind: str, explicit: Path | None = None) -> Path:
    """Folder of one kind of content: the explicit one, else the checkout's, else the bundled copy."""
    if explicit is not None:
        if not explicit.is_dir():
            raise GistevalError(f"folder {explicit} does not exist (it should hold {kind})")
        return explicit
    checkout = PACKAGE.parent / kind
    if (PACKAGE.parent / "pyproject.toml").is_file() and checkout.is_dir():
        return checkout
    bundled = PACKAGE / "_content" / kind
    if bundled.is_dir():
        return bundled
    raise GistevalError(f"this installation has no {kind}/: install gisteval again, or use a checkout")


class _PlainLoader(yaml.SafeLoader):
    """Plain data only: no tags that run code, and no references, of which a few lines fill all memory."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("references (*name) are not supported")
        return super().compose_node(parent, index)


def read_yaml(file: Path, what: str) -> Any:
    """The content of a YAML file; what: begins the message of the GistevalError if it can't be read."""
    try:
        return _without_nul(check_depth(yaml.load(read_text(file), _PlainLoader)))
    # A tag on a value that is none of its kind makes the loader fail in many ways; so does deep nesting.
    except (
        OSError,
        yaml.YAMLError,
        ValueError,
        LookupError,
        AttributeError,
        TypeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise GistevalError(f"{what} {file} can't be read: {one_line(error)}") from error


def _without_nul(content: Any) -> Any:
    """Plain content as it is. Raises ValueError if one of its texts has a NUL, which no path can have."""
    if isinstance(content, str) and "\0" in content:
        raise ValueError("a text in it has a NUL character")
    if isinstance(content, dict):
        for name, value in content.items():
            _without_nul(name)
            _without_nul(value)
    elif isinstance(content, list):
        for value in content:
            _without_nul(value)
    return content


def first_fault(error: ValidationError, whole: str = "file") -> str:
    """The first wrong field and what is wrong with it. whole: what to call it if no single field is."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or whole
    return f"{where}: {first['msg'].removeprefix('Value error, ')}"


def inside(name: str) -> str:
    """A name that content gives of a file beside it. Raises ValueError if that lies somewhere else."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
        raise ValueError(f"{name!r} must be a file in the same folder, or below it")
    return name


def beside(folder: Path, name: str) -> Path:
    """The file that content in a folder names. Raises GistevalError if a link leads out of the folder."""
    path = folder / name
    try:
        inner = path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError) as error:  # links that lead in a circle
        raise GistevalError(f"{path} can't be read: {one_line(error)}") from error
    if not inner:
        raise GistevalError(f"{path} is a link to another folder: put the file itself beside what names it")
    return path
