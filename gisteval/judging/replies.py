"""What comes back from a judge: a reply, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gisteval.judging.protocol import Comparison


@dataclass(frozen=True, slots=True)
class Reply:
    """What a judge replied.

    Attributes:
        text: The raw text.
        prompt_tokens: Tokens of the request.
        completion_tokens: Tokens of the reply.
        finish_reason: Why the reply ended ("stop", "length", ...); None if the server did not say.
    """

    text: str
    prompt_tokens: int
    completion_tokens: int
    finish_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """A comparison without a reply.

    Attributes:
        reason: Why there is none, on one line.
        billed: Whether the server says that it answered, so that it may charge for it.
    """

    reason: str
    billed: bool = False


Sink = Callable[[Comparison, Reply | Failure], None]
"""Takes the answer to a comparison as soon as it is there."""
