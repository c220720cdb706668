r"""The prompts of the released files: decoded token by token, so white space differs from the data's.

A LLaMA row's `x` is `Instruction: t <GIST> Input: x\nOutput: y`, with the reference; a FLAN-T5 row's ends
before the output, and lost its line breaks. A verdict's `x` has no gist tokens and no output.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_GISTS = re.compile(r"<GIST>(?:\s*<GIST>)*")
_NEXT_LINE = re.compile(r"\n(?=(?:Input|Output):)")
_UNKNOWN = "\u2047"
"""How LLaMA's tokenizer shows an unknown token; the released verdicts leave it out."""


@dataclass(frozen=True, slots=True)
class PromptText:
    """An instruction and its input (empty if it has none)."""

    instruction: str
    input: str


def text_key(text: str) -> str:
    """A text without white space and unknown tokens, to be compared."""
    return "".join(text.replace(_UNKNOWN, "").split())


def prompt_of_output_row(text: str, reference: str) -> PromptText:
    """Instruction and input out of the `x` of an output row. `reference` is its `y_true`."""
    head, tail = _cut(text)
    return PromptText(head, _after(_without_output(tail, reference), "Input:"))


def prompt_of_verdict(text: str) -> PromptText:
    """Instruction and input out of the `x` of a verdict, which splits them by a line break."""
    head, _, tail = text.partition("\nInput:")
    return PromptText(_after(head, "Instruction:"), tail.strip())


def _cut(text: str) -> tuple[str, str]:
    """The instruction, and all that follows the gist tokens (or the first line `Input:` or `Output:`)."""
    match = _GISTS.search(text)
    if match is not None:
        return _after(text[: match.start()], "Instruction:"), text[match.end() :].lstrip()
    match = _NEXT_LINE.search(text)
    if match is None:
        return _after(text, "Instruction:"), ""
    return _after(text[: match.start()], "Instruction:"), text[match.end() :]


def _after(text: str, label: str) -> str:
    return text.strip().removeprefix(label).strip()


def _without_output(tail: str, reference: str) -> str:
    """Leave out the reference at the end, if it is there; its white space may differ."""
    wanted = "Output:" + text_key(reference)
    if text_key(tail).endswith(wanted):
        left, end = len(wanted), len(tail)
        while left:
            end -= 1
            left -= not (tail[end].isspace() or tail[end] == _UNKNOWN)
        return tail[:end]
    # A long row is cut off somewhere in its output.
    body, label, output = ("\n" + tail).rpartition("\nOutput:")
    return body if label and wanted.startswith("Output:" + text_key(output)) else tail
