"""Files that anybody may have written, opened in one place: regular ones only, of bounded size and depth.

A device, a pipe or a link to one never ends, and a few bytes can stand for any number of brackets. All
refusals are ValueErrors of one line, which callers put behind the file's name.
"""

from __future__ import annotations

import json
import math
import os
import stat
from io import BufferedReader
from pathlib import Path
from typing import Any

LONGEST_TEXT = 1 << 20
"""Bytes of a file that people write by hand, such as YAML."""

LONGEST_JSON = 512 << 20
"""Bytes of a JSON file that programs write; it is read as a whole."""

LONGEST_ROW = 64 << 20
"""Characters of a row of data, or of one of its fields."""

MOST_EXPANSION = 100
"""Times its packed size that a file may unpack to, beyond one row's length; text takes about 5."""

DEEPEST = 64
"""Lists and mappings in one another; what is deeper overflows the libraries that walk it."""


def open_file(file: Path) -> BufferedReader:
    """A file to be read. Raises OSError, or ValueError if it is no regular file."""
    if not stat.S_ISREG(file.stat().st_mode):
        raise ValueError("it is no regular file but a folder, a pipe or a device")
    # Should it become a pipe now, opening it does not wait for a writer.
    return open(os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb")


def read_bytes(file: Path, longest: int) -> bytes:
    """A file's content. Raises OSError, or ValueError if it is too long, or no regular file."""
    with open_file(file) as stream:
        content = stream.read(longest + 1)
    if len(content) > longest:
        raise ValueError(f"it is longer than {longest:,} bytes")
    return content


def read_text(file: Path, longest: int = LONGEST_TEXT) -> str:
    """A file's UTF-8 text, each line ending in a line feed. Raises as `read_bytes`, or if it is none."""
    text = read_bytes(file, longest).decode("utf-8")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_json(file: Path, strict: bool = False) -> Any:
    """A JSON file's content. Raises OSError, or ValueError as `read_text` and `parse_json` do."""
    return parse_json(read_text(file, LONGEST_JSON), strict)


def parse_json(text: str | bytes, strict: bool = False) -> Any:
    """What a JSON text holds. Raises ValueError if it is none, or nested too deeply.

    strict: no infinite number and no half of a surrogate pair, which JSON can't pass on.
    """
    try:
        if not strict:
            return check_depth(json.loads(text))
        found = check_depth(json.loads(text, parse_constant=_finite, parse_float=_finite))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    json.dumps(found, ensure_ascii=False).encode("utf-8")
    return found


def check_depth(content: Any) -> Any:
    """Plain content as it is. Raises ValueError if its lists and mappings nest deeper than `DEEPEST`."""
    level = [content]
    for _ in range(DEEPEST):
        level = [part for whole in level if isinstance(whole, dict | list) for part in _parts(whole)]
        if not level:
            return content
    raise ValueError(f"it is nested deeper than {DEEPEST} levels")


def _parts(whole: dict[Any, Any] | list[Any]) -> list[Any]:
    parts = whole.values() if isinstance(whole, dict) else whole
    return [part for part in parts if isinstance(part, dict | list)]


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is no finite number")
    return value
