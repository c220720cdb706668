"""Which part of a request's context is compressed: a rule that names the place where the rest begins."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gisteval.errors import GistevalError, did_you_mean

NOTHING = "nothing"
KINDS = ("until", "before")


@dataclass(frozen=True, slots=True)
class Parts:
    """A text in two: `prompt` is compressed, `plain` is not. prompt is empty if nothing is."""

    prompt: str
    plain: str


@dataclass(frozen=True, slots=True)
class Rule:
    """Everything up to the last occurrence of a marker is compressed.

    kind: "until" compresses the marker as well, "before" leaves it plain. marker: text in which
    {field} stands for a field of the request's document (Instance.doc), {{ and }} for braces.
    """

    kind: Literal["until", "before"]
    marker: str

    def split(self, text: str, document: Any, where: str) -> Parts:
        """The two parts of a text. Raises GistevalError, naming `where`, if the marker is not in it."""
        marker = _filled(self.marker, document, where)
        start = text.rfind(marker)
        if start < 0:
            raise GistevalError(
                f"{where}: its text does not hold {marker!r}, the marker of what is compressed: give "
                f"another rule (compress=until:TEXT, before:TEXT or {NOTHING})"
            )
        end = start + (len(marker) if self.kind == "until" else 0)
        return Parts(text[:end], text[end:])


def parse_rule(text: str) -> Rule | None:
    r""" "until:MARKER", "before:MARKER" or "nothing" (None); \n and \t in a marker: line break and tab."""
    if text == NOTHING:
        return None
    kind, colon, marker = text.partition(":")
    if not colon or kind not in KINDS:
        raise GistevalError(
            f"compress={text!r} is no rule{did_you_mean(kind, [*KINDS, NOTHING])}: choose until:TEXT, "
            f"before:TEXT or {NOTHING}"
        )
    marker = marker.replace("\\n", "\n").replace("\\t", "\t")
    if not marker:
        raise GistevalError(f"compress={text!r} has no marker: write the text behind the colon")
    try:
        fields = [part[1:] for part in string.Formatter().parse(marker) if part[1] is not None]
    except ValueError as error:
        raise GistevalError(f"compress={text!r}: {error}; write a brace of the text twice") from error
    for name, style, conversion in fields:
        if not str(name).isidentifier() or style or conversion:
            raise GistevalError(
                f"compress={text!r}: {{{name}}} is no name of a field; a brace is written twice"
            )
    return Rule("until" if kind == "until" else "before", marker)


def _filled(marker: str, document: Any, where: str) -> str:
    """The marker with the document's fields in it."""
    names = [name for _, name, _, _ in string.Formatter().parse(marker) if name is not None]
    fields: Mapping[str, Any] = document if isinstance(document, Mapping) else {}
    for name in names:
        if name not in fields:
            raise GistevalError(
                f"{where}: its document has no field {name!r} ({', '.join(map(str, fields)) or 'none'}): "
                f"say what is compressed with compress=until:TEXT, before:TEXT or {NOTHING}"
            )
    return marker.format_map({name: str(fields[name]) for name in names})
