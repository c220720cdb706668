"""A judge's raw reply -> a choice. Pure, so that stored replies can be read again by a better parser.

Read is what stands behind the reply's thoughts; one that was cut, in a thought or anywhere, is no answer.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

from gisteval.judging.definition import ChatDefinition, Definition, ReferenceDefinition
from gisteval.records.schema import Choice, Order
from gisteval.thinking import Pair, Spoken, spoken

_FENCE = "```"
_WHOLE = re.compile(r"\A(?:(?:answer|assistant|choice|verdict)\s*:?\s*)?\W*(a|b|tie)\W*\Z", re.IGNORECASE)
MOST_FALSE_STARTS = 100
"""Braces that begin no object; thousands of them, one in another, would take seconds to read."""

LIMITS = frozenset({"length", "max_tokens"})
"""The finish_reason of a reply that its limit of tokens ended, as servers call it."""

AT_THE_LIMIT = "cut at the token limit"
"""How the reason of every reply that was cut begins."""

_WORTHS = {"a": "first", "b": "second", "tie": "tie"}


def read_reply(
    definition: Definition, reply: str, order: Order, finish_reason: str | None = None
) -> Choice:
    """The choice a reply makes: a, b, tie, or invalid where it makes none, or more than one.

    finish_reason: why the server ended the reply, None where it did not say.
    """
    if isinstance(definition, ReferenceDefinition):
        return _nearer(definition, reply)
    if cut_short(definition, reply, finish_reason):
        return "invalid"
    shown = chosen_label(_said(reply, definition.thoughts).answer)
    if shown is None:
        return "invalid"
    if shown == "tie":
        return "tie"
    return "a" if (shown == "first") == (order == "ab") else "b"


def cut_short(definition: Definition, reply: str, finish_reason: str | None) -> str | None:
    """Why a reply ended before its answer was whole; None where nothing says that it did."""
    if not isinstance(definition, ChatDefinition):
        return None
    thinking = _said(reply, definition.thoughts).cut
    if finish_reason in LIMITS:
        where = " inside its thought" if thinking else "" if reply.strip() else ", with no text so far"
        return AT_THE_LIMIT + where
    return "ended inside its thought" if thinking else None


def shortened(definition: ChatDefinition, reply: str) -> str:
    """A reply of at most `max_reply` characters. Of a long thought the end is dropped, not the answer."""
    if len(reply) <= definition.max_reply:
        return reply
    closes = [reply.rfind(closing) for _, closing in definition.thoughts]
    tail = reply[max(closes) :] if max(closes, default=-1) > 0 else ""
    if not 0 < len(tail) < definition.max_reply:
        return reply[: definition.max_reply]
    return reply[: definition.max_reply - len(tail)] + tail


def _said(reply: str, thoughts: Sequence[Pair]) -> Spoken:
    """A reply without its thoughts. A tag inside a JSON object, such as in a reason, is a quotation."""
    if not any(tag in reply for pair in thoughts for tag in pair):
        return Spoken(reply, False, 0)
    return spoken(reply, thoughts, [(start, stop) for _, start, stop in _objects(reply)])


def chosen_label(reply: str) -> str | None:
    """first, second or tie as a chat judge's reply says it of the answers shown; None if it doesn't.

    Read are a JSON object with a "choice" (alone, fenced, or amid other text) and a reply that is nothing
    but the choice. Two objects that disagree, or a key given twice, are no answer.
    """
    text = _unfenced(reply.strip())
    found = {_label(item["choice"]) for item, _, _ in _objects(text) if "choice" in item}
    if found:
        return found.pop() if len(found) == 1 else None
    whole = _WHOLE.match(text) if len(text) < 40 else None
    return _WORTHS[whole[1].lower()] if whole else None


def _unfenced(text: str) -> str:
    """What stands between two lines of ``` that begin and end a text; any other text as it is."""
    if not (text.startswith(_FENCE) and text.endswith(_FENCE)):
        return text
    label, _, rest = text.partition("\n")
    body, line_break, closing = rest.rpartition("\n")
    if line_break and label.rstrip() in (_FENCE, f"{_FENCE}json") and closing.strip() == _FENCE:
        return body.strip()
    return text


def _objects(text: str) -> Iterator[tuple[dict[str, Any], int, int]]:
    """The outermost JSON objects in a text with their start and stop, from left to right."""
    start = text.find("{")
    false_starts = 0
    while start >= 0 and false_starts < MOST_FALSE_STARTS:
        try:
            item, end = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            end = start + 1
            false_starts += 1
        else:
            yield item, start, end
        start = text.find("{", end)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; the choice of one that gives it twice is None, which is no choice."""
    item = dict(pairs)
    if len(item) < len(pairs) and sum(name == "choice" for name, _ in pairs) > 1:
        item["choice"] = None
    return item


_DECODER = json.JSONDecoder(object_pairs_hook=_unique)


def _label(choice: Any) -> str | None:
    if not isinstance(choice, str):
        return None
    words = choice.strip().lower().removeprefix("answer ").removeprefix("assistant ")
    return _WORTHS.get(words)


def _nearer(definition: ReferenceDefinition, reply: str) -> Choice:
    """The output nearer to the reference, from both outputs' scores in percent."""
    try:
        scores = json.loads(reply)
        gaps = [(scores[name][0] - scores[name][1]) / scale for name, scale in definition.scales.items()]
        gap = sum(gaps) / len(gaps)
    except (ValueError, LookupError, TypeError, ArithmeticError, RecursionError):
        return "invalid"
    if not math.isfinite(gap):
        return "invalid"
    if abs(gap) <= definition.tie_band:
        return "tie"
    return "a" if gap > 0 else "b"
