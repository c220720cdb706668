"""Names that others chose (of a task, a split, a family): which are allowed, and the files they name."""

from __future__ import annotations

import hashlib
import re

MARK = "~"
"""Stands before the digest of a name that could not be kept; no kept name holds it."""

SEPARATOR = "--"
"""Joins two names in one file name, so no single name may hold it."""

LONGEST = 100
"""Characters of a name that are kept; file systems allow 255 bytes for the whole."""

LONGEST_NAME = 200

_PLAIN = re.compile(r"[A-Za-z0-9_+][A-Za-z0-9._+-]*")


def checked_name(text: str) -> str:
    """A name as it is given. Raises ValueError unless it can be shown on one line and is no path."""
    one_line = text.strip() and text.isprintable() and len(text) <= LONGEST_NAME
    if not one_line or "/" in text or "\\" in text:
        shown = ascii(text[:LONGEST_NAME])
        raise ValueError(f"{shown} is no name: give 1 to {LONGEST_NAME} printable characters, no / or \\")
    return text


def file_name(text: str) -> str:
    """A part of a file's name that no other text shares.

    Short names of ASCII letters, digits and `._+-` stay as they are. Any other keeps those characters, has
    `_` for the rest, and ends in `~` and twelve hexadecimal digits of its SHA-256. So nothing in it is a
    separator, a hidden file, an option of a command or a formula, and two texts never share a file.
    """
    if _PLAIN.fullmatch(text) and SEPARATOR not in text and len(text) <= LONGEST:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    readable = re.sub(r"-+", "-", readable_name(text))[:LONGEST].lstrip(".-")
    return f"{readable}{MARK}{digest}"


def readable_name(text: str) -> str:
    """A text with `_` for all but ASCII letters, digits and `._+-`. Two texts may come out alike."""
    return re.sub(r"[^A-Za-z0-9._+-]", "_", text)
