"""The rule that splits a request's context into a part that is compressed and a rest that is not."""

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
    """The two parts of a text.

    Attributes:
        prompt: The part that is compressed. Empty if nothing is.
        plain: The rest.
    """

    prompt: str
    plain: str


@dataclass(frozen=True, slots=True)
class Rule:
    """Compresses everything up to the last occurrence of a marker.

    Attributes:
        kind: "until" compresses the marker as well, "before" does not.
        marker: Text in which {field} stands for a field of the request's document (Instance.doc), and {{
            and }} stand for braces.
    """

    kind: Literal["until", "before"]
    marker: str

    def split(self, text: str, document: Any, where: str) -> Parts:
        """Split a text.

        Args:
            text: The context of a request.
            document: The request's document, whose fields fill in the marker.
            where: Name of the document, for an error message.

        Raises:
            GistevalError: The text does not contain the marker, or the document lacks a field.
        """
        marker = _filled(self.marker, document, where)
        start = text.rfind(marker)
        if start < 0:
            raise GistevalError(
                f"{where}: its text does not contain {marker!r}, the marker of what is compressed: give "
                f"another rule (compress=until:TEXT, before:TEXT or {NOTHING})"
            )
        end = start + (len(marker) if self.kind == "until" else 0)
        return Parts(text[:end], text[end:])


def parse_rule(text: str) -> Rule | None:
    r"""Read a rule: "until:MARKER", "before:MARKER" or "nothing" (None).

    In a marker \n and \t stand for a line break and a tab.

    Raises:
        GistevalError: The text is not a rule.
    """
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
        raise GistevalError(f"compress={text!r} has no marker: write it after the colon")
    try:
        fields = [part[1:] for part in string.Formatter().parse(marker) if part[1] is not None]
    except ValueError as error:
        raise GistevalError(
            f"compress={text!r}: {error}: write a brace that is part of the text twice"
        ) from error
    for name, style, conversion in fields:
        if not str(name).isidentifier() or style or conversion:
            raise GistevalError(
                f"compress={text!r}: {{{name}}} is not the name of a field: write a brace that is part of "
                "the text twice"
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
