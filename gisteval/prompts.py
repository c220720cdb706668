"""Text of a prompt as named segments: the instruction is compressed, the rest never is."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from gisteval.errors import GistevalError

CHAT_ROLES = ("system", "user")


@dataclass(frozen=True, slots=True)
class Template:
    r"""How instruction, input and output become text (the paper's form by default).

        Instruction: {instruction}\n <GIST>... \nInput: {input}\nOutput: {output}

    Without an input the `Input:` line is dropped. Gist tokens stand between `instruction` and the rest.
    An encoder-decoder needs no `output`: its decoder has a start token of its own.
    """

    instruction: str = "Instruction: {instruction}\n"
    input: str = "\nInput: {input}"
    output: str = "\nOutput:"
    target: str = " {output}"

    def __post_init__(self) -> None:
        needed = {"instruction": "instruction", "input": "input", "target": "output"}
        for part, text in asdict(self).items():
            if not isinstance(text, str):
                raise GistevalError(f"template part {part!r} must be a text: got {text!r:.80}")
        for part, field in needed.items():
            if _fields(getattr(self, part)) != {field}:
                raise GistevalError(
                    f"template part {part!r} must contain {{{field}}} and no other field: "
                    f"got {getattr(self, part)!r:.200}"
                )

    def prompt(self, instruction: str) -> str:
        """What is compressed."""
        return self.instruction.format(instruction=instruction)

    def continuation(self, input: str) -> str:
        """What follows the compressed prompt, up to where the model answers."""
        return (self.input.format(input=input) if input else "") + self.output

    def answer(self, output: str) -> str:
        """The reference as the model would write it."""
        return self.target.format(output=output)

    def to_dict(self) -> dict[str, str]:
        """Plain form for gist.json and keys."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """The tokenizer's own chat template makes the text; role says where the instruction stands in it.

    "system": it is the system message, the input the user's (an empty one without input). "user": it is
    the first user message, in which the input follows behind an empty line. Gist tokens stand right
    behind the instruction, inside its message.
    """

    role: str

    def __post_init__(self) -> None:
        if self.role not in CHAT_ROLES:
            raise GistevalError(f"chat-template must be {' or '.join(CHAT_ROLES)}, not {self.role!r}")

    def to_dict(self) -> dict[str, str]:
        """Plain form for gist.json and keys; the template itself is a part of the tokenizer."""
        return {"chat": self.role}


def as_template(parts: Mapping[str, str]) -> Template | ChatTemplate:
    """What `to_dict` made, read back. Raises GistevalError or TypeError."""
    return ChatTemplate(parts["chat"]) if set(parts) == {"chat"} else Template(**parts)


def _fields(text: str) -> set[str]:
    """Names of a format string's fields; none for one that is malformed, or asks for a width or form."""
    try:
        fields = [part[1:] for part in string.Formatter().parse(text) if part[1] is not None]
    except ValueError:
        return set()
    if any(spec or conversion for _, spec, conversion in fields):
        return set()
    return {name for name, _, _ in fields if name is not None}


RELEASED_LLAMA_TEMPLATE = Template(
    instruction="Instruction: {instruction}", input="Input: {input}\n", output="Output:", target="{output}"
)
"""What the paper's LLaMA checkpoints were trained on: the slow tokenizers of their time stripped white
space around `<GIST>`, so the line breaks of the template never reached the model."""
