"""What a chat judge is shown: the request and two answers, each fenced as data.

A text can't close its own fence: the tags carry a code made from the texts themselves.
"""

from __future__ import annotations

import re
from string import Template

from gisteval.judging.definition import ChatDefinition, Judge
from gisteval.judging.protocol import Look
from gisteval.records.schema import digest

Message = dict[str, str]

# Control characters but tab and line feed, marks that change the direction of what follows, and halves
# of surrogate pairs, which no encoding can send. Text in a right-to-left script needs none of them.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def messages(judge: Judge, look: Look) -> list[Message]:
    """The conversation for one look at a pair."""
    definition = judge.definition
    assert isinstance(definition, ChatDefinition)
    shown = (look.ours, look.theirs) if look.order == "ab" else (look.theirs, look.ours)
    example = look.example
    code = digest([look.pair, *shown])[:8]
    limit = definition.max_characters

    def fenced(tag: str, text: str) -> str:
        return f"<{tag} {code}>\n{readable(text, limit)}\n</{tag} {code}>"

    request = fenced("request", example.instruction)
    if example.input:
        request += "\n" + fenced("input", example.input)
    text = Template(judge.prompt).substitute(
        request=request, first=fenced("answer-A", shown[0]), second=fenced("answer-B", shown[1])
    )
    return [{"role": "system", "content": judge.system}, {"role": "user", "content": text}]


def readable(text: str, limit: int) -> str:
    """The text with invisible characters made visible (\\u001b), and cut where it is longer than limit."""
    cut = len(text) - limit
    text = _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text[:limit].replace("\r\n", "\n"))
    return f"{text}\n[{cut:,} more characters are left out]" if cut > 0 else text
