"""Reading a judge's choice from its raw reply.

The functions are pure, so a better parser can read stored replies again. They read what follows the reply's
thoughts. A reply that was cut off, in a thought or anywhere else, is no answer.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from gisteval.judging.definition import ChatDefinition, Definition, ReferenceDefinition
from gisteval.records.json_object import JsonValue
from gisteval.records.schema import Choice, Order
from gisteval.thinking import Pair, Spoken, spoken

_FENCE = "```"
_BARE_CHOICE = re.compile(
    r"\A(?:(?:answer|assistant|choice|verdict)\s*:?\s*)?\W*(a|b|tie)\W*\Z", re.IGNORECASE
)
MOST_FALSE_STARTS = 100
"""Braces that begin no object. Reading thousands of nested ones would take seconds."""

LIMIT_REASONS = frozenset({"length", "max_tokens"})
"""Values of finish_reason by which servers say that a reply ended at its token limit."""

AT_THE_LIMIT = "cut at the token limit"
"""The beginning of the error of every reply that ended at its token limit."""

_LABELS = {"a": "first", "b": "second", "tie": "tie"}


def read_reply(
    definition: Definition, reply: str, order: Order, finish_reason: str | None = None
) -> Choice:
    """Return the choice that a reply makes.

    Args:
        definition: The judge.
        reply: The raw text of the reply.
        order: The order in which the outputs were shown.
        finish_reason: Why the reply ended; None if the server did not say.

    Returns:
        a, b or tie; invalid if the reply makes no choice, or more than one.
    """
    if isinstance(definition, ReferenceDefinition):
        return _nearer_output(definition, reply)
    if cut_short(definition, reply, finish_reason):
        return "invalid"
    label = chosen_label(_split_thoughts(reply, definition.thoughts).answer)
    if label is None:
        return "invalid"
    if label == "tie":
        return "tie"
    return "a" if (label == "first") == (order == "ab") else "b"


class Reading(NamedTuple):
    """What a reply says.

    Attributes:
        choice: The choice that it makes.
        error: Why it makes none, where that is known.
    """

    choice: Choice
    error: str | None


def interpret(definition: Definition, reply: str, order: Order, finish_reason: str | None) -> Reading:
    """Read a reply's choice, or why it makes none. The arguments are those of `read_reply`."""
    choice = read_reply(definition, reply, order, finish_reason)
    return Reading(choice, cut_short(definition, reply, finish_reason) if choice == "invalid" else None)


def cut_short(definition: Definition, reply: str, finish_reason: str | None) -> str | None:
    """Return why a reply ended before its answer was complete, or None if nothing says that it did."""
    if not isinstance(definition, ChatDefinition):
        return None
    in_thought = _split_thoughts(reply, definition.thoughts).cut
    if finish_reason in LIMIT_REASONS:
        where = " inside its thought" if in_thought else "" if reply.strip() else ", with no text so far"
        return AT_THE_LIMIT + where
    return "ended inside its thought" if in_thought else None


def shortened(definition: ChatDefinition, reply: str) -> str:
    """Shorten a reply to `max_reply` characters; the end of a long thought is dropped, not the answer."""
    if len(reply) <= definition.max_reply:
        return reply
    closes = [reply.rfind(closing) for _, closing in definition.thoughts]
    tail = reply[max(closes) :] if max(closes, default=-1) > 0 else ""
    if not 0 < len(tail) < definition.max_reply:
        return reply[: definition.max_reply]
    return reply[: definition.max_reply - len(tail)] + tail


def _split_thoughts(reply: str, thoughts: Sequence[Pair]) -> Spoken:
    """A reply without its thoughts. A tag inside a JSON object, such as in a reason, is only quoted."""
    if not any(tag in reply for pair in thoughts for tag in pair):
        return Spoken(reply, False, 0)
    return spoken(reply, thoughts, [(start, stop) for _, start, stop in _objects(reply)])


def chosen_label(reply: str) -> str | None:
    """Return which of the answers shown a chat judge's reply names.

    A choice is a JSON object with the key "choice" (alone, fenced, or amid other text), or a reply that is
    nothing but the choice. Objects that disagree, or a key that stands twice in one, are no answer.

    Returns:
        first, second or tie; None if the reply names none.
    """
    text = _unfenced(reply.strip())
    labels = {_label(item["choice"]) for item, _, _ in _objects(text) if "choice" in item}
    if labels:
        return labels.pop() if len(labels) == 1 else None
    bare = _BARE_CHOICE.match(text) if len(text) < 40 else None
    return _LABELS[bare[1].lower()] if bare else None


def _unfenced(text: str) -> str:
    """Return what stands between the two ``` lines that enclose a text; any other text as it is."""
    if not (text.startswith(_FENCE) and text.endswith(_FENCE)):
        return text
    label, _, rest = text.partition("\n")
    body, line_break, closing = rest.rpartition("\n")
    if line_break and label.rstrip() in (_FENCE, f"{_FENCE}json") and closing.strip() == _FENCE:
        return body.strip()
    return text


def _objects(text: str) -> Iterator[tuple[dict[str, JsonValue], int, int]]:
    """Yield the outermost JSON objects of a text with their start and stop, from left to right."""
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


def _unique(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    """Build an object; if the key "choice" stands twice, its value is None, which is no choice."""
    item = dict(pairs)
    if len(item) < len(pairs) and sum(name == "choice" for name, _ in pairs) > 1:
        item["choice"] = None
    return item


_DECODER = json.JSONDecoder(object_pairs_hook=_unique)


def _label(choice: Any) -> str | None:
    if not isinstance(choice, str):
        return None
    words = choice.strip().lower().removeprefix("answer ").removeprefix("assistant ")
    return _LABELS.get(words)


def _nearer_output(definition: ReferenceDefinition, reply: str) -> Choice:
    """Return which output is nearer to the reference, from both outputs' scores in percent."""
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
