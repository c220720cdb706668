"""What a chat judge is shown: the request and two answers, each fenced as data.

A text can't close its own fence, because the tags carry a code that is computed from the texts.
"""

from __future__ import annotations

import re
from string import Template

from gisteval.judging.definition import ChatDefinition, Judge
from gisteval.judging.protocol import Comparison
from gisteval.records.schema import digest

Message = dict[str, str]

# Control characters except tab and line feed, marks that change the direction of the text after them, and
# lone surrogates, which can't be encoded. Text in a right-to-left script needs none of them.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def messages(judge: Judge, comparison: Comparison) -> list[Message]:
    """Return the conversation that asks a judge about a comparison."""
    definition = judge.definition
    assert isinstance(definition, ChatDefinition)
    example = comparison.example
    first, second = comparison.shown
    code = digest([comparison.pair, first, second])[:8]
    limit = definition.max_characters

    def fenced(tag: str, text: str) -> str:
        return f"<{tag} {code}>\n{readable(text, limit)}\n</{tag} {code}>"

    request = fenced("request", example.instruction)
    if example.input:
        request += "\n" + fenced("input", example.input)
    text = Template(judge.prompt).substitute(
        request=request, first=fenced("answer-A", first), second=fenced("answer-B", second)
    )
    return [{"role": "system", "content": judge.system}, {"role": "user", "content": text}]


def readable(text: str, limit: int) -> str:
    r"""Return the text with invisible characters made visible (\u001b), cut to `limit` characters."""
    dropped = len(text) - limit
    text = _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text[:limit].replace("\r\n", "\n"))
    return f"{text}\n[{dropped:,} more characters are left out]" if dropped > 0 else text
