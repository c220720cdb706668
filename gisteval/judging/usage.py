"""Tokens that a reply is billed for: the server's count if it is plausible, else an upper bound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gisteval.judging.parameters import LIMIT_ALIASES
from gisteval.judging.prompting import Message

LARGEST_COUNT = 10_000_000
"""Tokens. More than any model's context holds, so a larger count is wrong."""

TEMPLATE_TOKENS = 16
"""The most tokens that a chat template adds to a message."""

DEFAULT_REPLY_TOKENS = 4096
"""Tokens that are reserved for a reply whose length nothing limits."""


class TokenCount(NamedTuple):
    """Tokens of a request and of its reply."""

    prompt: int
    completion: int


def most_tokens(body: Mapping[str, Any], conversation: Sequence[Message], schema: str = "") -> TokenCount:
    """Bound the tokens of a request and of its reply from above.

    A token is at least one byte, and a reply is at most as long as its limit.

    Args:
        body: The fields of the request. Its limits are whole numbers from 1 (see `with_parameters`).
        conversation: The messages of the request.
        schema: The JSON schema of the reply, as text.
    """
    prompt = sum(
        len(message["content"].encode("utf-8", "surrogatepass")) + TEMPLATE_TOKENS
        for message in conversation
    )
    limits = [body[name] for name in LIMIT_ALIASES if name in body]
    return TokenCount(prompt + len(schema.encode()), max(limits, default=DEFAULT_REPLY_TOKENS))


def counted_tokens(usage: Any, text: str, upper_bound: TokenCount) -> TokenCount:
    """Read the token counts that a server reports.

    A count is not plausible if it is missing, no whole number, below 1 (0 for a reply without text) or
    above LARGEST_COUNT. The upper bound takes its place.

    Args:
        usage: The field `usage` of the server's response.
        text: The text of the reply.
        upper_bound: The most tokens that this request can have taken.
    """
    counts = usage if isinstance(usage, Mapping) else {}
    prompt = _plausible(counts.get("prompt_tokens"), 1)
    completion = _plausible(counts.get("completion_tokens"), 1 if text else 0)
    return TokenCount(
        upper_bound.prompt if prompt is None else prompt,
        upper_bound.completion if completion is None else completion,
    )


def _plausible(count: Any, least: int) -> int | None:
    return count if type(count) is int and least <= count <= LARGEST_COUNT else None
