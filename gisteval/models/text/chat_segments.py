"""Parts of a prompt by the tokenizer's own chat template.

With the role "system" and the marks of ChatML, the gist tokens stand at | here:

    <|im_start|>system
    {instruction} | <|im_end|>
    <|im_start|>user
    {input}<|im_end|>
    <|im_start|>assistant

The template renders whole conversations with a mark in that place; what comes before the mark is
compressed, and what comes after it follows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import copy
from functools import cached_property
from typing import Any

from transformers import PreTrainedTokenizerBase

from gisteval.errors import GistevalError, one_line
from gisteval.models.text.chat_templates import TemplateFailed, render
from gisteval.models.text.segments import Segments
from gisteval.prompts import ChatTemplate
from gisteval.thinking import Pair, opened

MARK = "\ue000gists\ue001"
"""The place of the gist tokens, in private characters that no text is expected to hold."""

SWITCHES = ("enable_thinking", "thinking")
"""What templates call the switch of thoughts; one that knows neither ignores both."""

PROBE = "The train leaves at 10:45."


class ChatSegments(Segments):
    """Instruction and input in a conversation.

    A text is tokenised as the whole conversation is, with the tokens of the template. Only where the data
    itself spells such a token is it tokenised apart, so that it stays data.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, template: ChatTemplate, anchor: str | None
    ) -> None:
        """Check the chat template.

        Args:
            tokenizer: The checkpoint's.
            template: The role of the instruction.
            anchor: A special token that may come before any part, such as `<GIST>`.

        Raises:
            GistevalError: There is no chat template, or the instruction is no prefix under it.
        """
        self.tokenizer = tokenizer
        self._role = template.role
        self._options: Mapping[str, bool] = {}
        self._anchor = anchor or tokenizer.eos_token or ""
        special = [token.content for token in tokenizer.added_tokens_decoder.values() if token.special]
        longest_first = sorted({*special, *tokenizer.all_special_tokens}, key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
        if not tokenizer.chat_template:
            raise GistevalError(
                f"the tokenizer of {tokenizer.name_or_path} has no chat template: leave --chat-template out"
            )
        self._check()

    def prompts(self, instructions: Sequence[str]) -> list[list[int]]:
        """See Segments."""
        head = self._prompt("")
        token_ids = []
        for instruction in instructions:
            text = self._prompt(instruction)
            token_ids.append(self._ids(head, text.removeprefix(head), "", ""))
        return token_ids

    def frame(self) -> tuple[list[int], list[int]]:
        """See Segments. Nothing of the template stands between an instruction and its gist tokens."""
        return self.prompts([""])[0], []

    def continuations(self, inputs: Sequence[str], more: str = "") -> list[list[int]]:
        """See Segments. `more` is text of the template that follows."""
        head, _, tail = self._continuation(MARK).partition(MARK)
        token_ids = []
        for text in map(self._continuation, inputs):
            framed = text.startswith(head) and len(text) >= len(head) + len(tail)
            start, stop = len(head) if framed else 0, len(text) - len(tail)
            token_ids.append(self._ids(text[:start], text[start:stop], tail + more, self._anchor))
        return token_ids

    def opened_by(self, pair: Pair) -> str:
        """See Segments."""
        return opened(self._continuation(PROBE), [pair])

    def thinks(self, pair: Pair) -> bool:
        """See Segments."""
        return any(word in str(self.tokenizer.chat_template) for word in (*pair, SWITCHES[0]))

    def behind_thought(self, inputs: Sequence[str], pair: Pair) -> list[list[int]] | None:
        """See Segments. By the template's own switch where it has one, else a closing tag is put behind."""
        silent = copy(self)
        silent._options = dict.fromkeys(SWITCHES, False)
        closed = silent._continuation(PROBE)
        tail = closed[closed.rfind(PROBE) :]
        if 0 < tail.find(pair[0]) < tail.rfind(pair[1]) and silent._prompt(PROBE) == self._prompt(PROBE):
            return silent.continuations(inputs)
        return self.continuations(inputs, f"\n{pair[1]}\n\n") if self.opened_by(pair) else None

    def targets(self, outputs: Sequence[str]) -> list[list[int]]:
        """See Segments."""
        end = [] if self.end_id is None else [self.end_id]
        return [self._ids("", output, "", self._anchor) + end for output in outputs]

    def texts(self, instruction: str, input: str) -> tuple[str, str]:
        """See Segments. Without the template's special tokens."""
        prompt, continuation = self._prompt(instruction), self._continuation(input)
        return self._special.sub("", prompt), self._special.sub("", continuation)

    def together(self, instruction: str, gists: str, input: str) -> list[int]:
        """See Segments."""
        return self._parse(self._render(instruction + gists, input))

    @cached_property
    def end_id(self) -> int | None:
        """The first special token that the template puts behind an answer; else the tokenizer's."""
        conversation = [*self._messages(PROBE, PROBE), {"role": "assistant", "content": MARK}]
        tail = self._apply(conversation, add_generation_prompt=False).partition(MARK)[2]
        special = set(self.tokenizer.all_special_ids)
        marked = {i for i, token in self.tokenizer.added_tokens_decoder.items() if token.special}
        ends = [token for token in self._parse(tail) if token in special | marked]
        return ends[0] if ends else self.tokenizer.eos_token_id

    def _prompt(self, instruction: str) -> str:
        return self._render(instruction + MARK, PROBE).rpartition(MARK)[0]

    def _continuation(self, input: str) -> str:
        return self._render(MARK + MARK, input).partition(MARK + MARK)[2]

    def _render(self, instruction: str, input: str) -> str:
        return self._apply(self._messages(instruction, input), add_generation_prompt=True)

    def _messages(self, instruction: str, input: str) -> list[dict[str, str]]:
        if self._role == "system":
            return [{"role": "system", "content": instruction}, {"role": "user", "content": input}]
        return [{"role": "user", "content": f"{instruction}\n\n{input}" if input else instruction}]

    def _apply(self, conversation: list[dict[str, str]], **options: Any) -> str:
        try:
            return render(self.tokenizer, conversation, **options, **self._options)
        except TemplateFailed as error:
            raise self._refusal(f"does not render ({one_line(error)})") from error

    def _check(self) -> None:
        """The compressed part must not depend on the input, nor the rest on the instruction."""
        for instruction in ("Write the last word twice.", "Say no more."):
            for input in (PROBE, "", "a\nb"):
                before, mark, after = self._render(instruction + MARK, input).partition(MARK)
                parts = (before, after) == (self._prompt(instruction), self._continuation(input))
                if not (mark and after and parts and instruction in before and input in after):
                    raise self._refusal("does not let the instruction be a prefix of the prompt")

    def _refusal(self, reason: str) -> GistevalError:
        other = "user" if self._role == "system" else "system"
        return GistevalError(
            f"the chat template of {self.tokenizer.name_or_path} {reason} with the instruction as the "
            f"{self._role} message: try --chat-template {other}, or leave it out"
        )

    def _ids(self, head: str, data: str, tail: str, anchor: str) -> list[int]:
        """Token ids of head + data + tail behind the anchor; head and tail are the template's."""
        if not self._special.search(data):
            return self._parse(anchor + head + data + tail)[len(self._parse(anchor)) :]
        cut = max((match.end() for match in self._special.finditer(head)), default=0)
        first = self._special.search(tail)
        stop = first.start() if first else len(tail)
        (middle,) = self.plain([head[cut:] + data + tail[:stop]])
        return self._parse(head[:cut]) + middle + self._parse(tail[stop:])

    def _parse(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids
