"""What a reply is billed for: the server's count where it can be believed, else the most it can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gisteval.judging.parameters import LIMITS
from gisteval.judging.prompting import Message

MOST_TOKENS = 10_000_000
"""Beyond any model's context: a larger count is no count."""

FRAME = 16
"""Tokens that a chat template adds to a message, at most."""

LIMIT_UNSAID = 4096
"""Tokens of a reply that nothing limits, as reserved for it."""


def most_tokens(body: Mapping[str, Any], talk: Sequence[Message], schema: str = "") -> tuple[int, int]:
    """The most tokens of a request and of its reply: a token is at least a byte, a reply at most its limit.

    body: the fields of the request, whose limits are whole numbers from 1 (see `with_parameters`).
    """
    prompt = sum(len(message["content"].encode("utf-8", "surrogatepass")) + FRAME for message in talk)
    limits = [body[name] for name in LIMITS if name in body]
    return prompt + len(schema.encode()), max(limits, default=LIMIT_UNSAID)


def counted_tokens(usage: Any, text: str, most: tuple[int, int]) -> tuple[int, int]:
    """Tokens of the request and of the reply, by a server's `usage` where that is believable.

    Not believable are what is missing, no whole number, below 1 (a reply without text may have 0) or beyond
    MOST_TOKENS. The most that it can be takes its place.
    """
    counts = usage if isinstance(usage, Mapping) else {}
    prompt = _believable(counts.get("prompt_tokens"), 1)
    completion = _believable(counts.get("completion_tokens"), 1 if text else 0)
    return most[0] if prompt is None else prompt, most[1] if completion is None else completion


def _believable(count: Any, least: int) -> int | None:
    return count if type(count) is int and least <= count <= MOST_TOKENS else None
