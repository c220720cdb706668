"""What becomes of an example: an answer, or the reason that there is none."""

from __future__ import annotations

from dataclasses import dataclass

from gisteval.records.schema import Example


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model made of one example.

    Attributes:
        example: What was asked.
        output: The answer's text.
        output_tokens: Tokens that were generated.
        finished: Whether an end token ended the answer, and not the limit.
        source_tokens: Tokens of the whole prompt.
        template_tokens: Those of them that are the template's.
        kept: Slots that the compressed prompt takes up.
        bytes: Its size.
        nll: Mean negative log-likelihood of the reference, in nats a token; None if it was not asked for.
        target_tokens: Tokens of the reference.
        kept_template: Those of the kept slots that are the template's.
        asked: Slots that the budget asked for.
        raw: The whole text, where the output is only what follows a thought.
        choice: The most likely one of the example's choices, if it has any.
    """

    example: Example
    output: str
    output_tokens: int
    finished: bool
    source_tokens: int
    template_tokens: int
    kept: int
    bytes: int
    nll: float | None
    target_tokens: int
    kept_template: int | None = None
    asked: int | None = None
    raw: str | None = None
    choice: str | None = None


@dataclass(frozen=True, slots=True)
class TooLong:
    """An example that does not fit into the model's context.

    Attributes:
        example: The example.
        needed: Tokens that it needs.
        context: Tokens that the context has.
        limit: What sets the context, in brackets, where it is not the model's own.
    """

    example: Example
    needed: int
    context: int
    limit: str = ""

    @property
    def reason(self) -> str:
        """Why there is no output."""
        return f"needs {self.needed} tokens, the context has {self.context}{self.limit}"


@dataclass(frozen=True, slots=True)
class NotFinite:
    """An example whose logits, or loss, are not all numbers: the weights are damaged or overflow."""

    example: Example


@dataclass(frozen=True, slots=True)
class Failed:
    """An example that could not be answered although all others could, and why."""

    example: Example
    reason: str


Outcome = Answer | TooLong | NotFinite | Failed
