"""Token ids of the parts of a prompt: what is compressed, what follows it, and the answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

from gisteval.errors import GistevalError
from gisteval.prompts import Template
from gisteval.thinking import Pair

PROBE = "a"
"""A text that any tokenizer has a token for."""

HERE = "\ue000here\ue001"
"""Stands for an instruction where a template is cut; private characters, which no template holds."""


class Segments(ABC):
    """How one checkpoint's instructions, inputs and answers become text, and the text tokens.

    A compressed prompt never depends on what follows it: each part is tokenised apart.
    """

    tokenizer: PreTrainedTokenizerBase

    @abstractmethod
    def prompts(self, instructions: Sequence[str]) -> list[list[int]]:
        """Token ids of what is compressed, without gist tokens."""

    @abstractmethod
    def frame(self) -> tuple[list[int], list[int]]:
        """Token ids of the template's text before an instruction and behind it, each tokenised alone."""

    @abstractmethod
    def continuations(self, inputs: Sequence[str]) -> list[list[int]]:
        """Token ids of what stands between the compressed part and the answer."""

    @abstractmethod
    def targets(self, outputs: Sequence[str]) -> list[list[int]]:
        """Token ids of the answers, each with the token that ends it."""

    @abstractmethod
    def texts(self, instruction: str, input: str) -> tuple[str, str]:
        """The texts behind a prompt and its continuation."""

    @abstractmethod
    def together(self, instruction: str, gists: str, input: str) -> list[int]:
        """Token ids that the tokenizer makes of the whole text at once. `gists` are gist tokens as text."""

    @property
    @abstractmethod
    def end_id(self) -> int | None:
        """The token that ends an answer."""

    def opened_by(self, pair: Pair) -> str:
        """The tag with which the text before an answer opens a thought, or "" where it opens none."""
        return ""

    def thinks(self, pair: Pair) -> bool:
        """Whether the text around an answer knows thoughts, so that one may stand before it."""
        return False

    def behind_thought(self, inputs: Sequence[str], pair: Pair) -> list[list[int]] | None:
        """`continuations` up to where the answer itself begins, behind a thought that is closed, empty.

        None where the answer begins where the model begins to write.
        """
        return None

    def plain(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of texts as data: a `<GIST>` or an end token in them stays the characters it is."""
        if not texts:
            return []
        encoded = self.tokenizer(list(texts), add_special_tokens=False, split_special_tokens=True)
        ids: list[list[int]] = encoded["input_ids"]
        return ids


def prefix_of(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Token ids that the tokenizer puts before every text: a start token, several (as GLM's), or none.

    What it puts behind a text is left out: it would stand between the parts of a prompt.
    """
    plain: list[int] = tokenizer(PROBE, add_special_tokens=False)["input_ids"]
    whole: list[int] = tokenizer(PROBE)["input_ids"]
    for start in range(len(whole) - len(plain) + 1):
        if plain and whole[start : start + len(plain)] == plain:
            return whole[:start]
    first = whole[:1]
    return first if first == [tokenizer.bos_token_id] else []


class PlainSegments(Segments):
    """Segments by a template of literal text."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, template: Template, closes_input: bool) -> None:
        """Keep the tokenizer and the template.

        Args:
            tokenizer: The checkpoint's.
            template: The texts around instruction, input and answer.
            closes_input: Whether an end token follows each input.

        Raises:
            GistevalError: An example without input would have no token to answer behind.
        """
        if not (template.output or closes_input):
            raise GistevalError("template part 'output' must not be empty: it is where the model answers")
        self.tokenizer = tokenizer
        self._template = template
        self._closes_input = closes_input
        self._prefix = prefix_of(tokenizer)

    def prompts(self, instructions: Sequence[str]) -> list[list[int]]:
        """See Segments."""
        return [self._prefix + ids for ids in self.plain([self._template.prompt(t) for t in instructions])]

    def frame(self) -> tuple[list[int], list[int]]:
        """See Segments."""
        before, _, behind = self._template.prompt(HERE).partition(HERE)
        head, tail = self.plain([before, behind])
        return self._prefix + head, tail

    def continuations(self, inputs: Sequence[str]) -> list[list[int]]:
        """See Segments."""
        tail = self._end if self._closes_input else []
        return [ids + tail for ids in self.plain([self._template.continuation(text) for text in inputs])]

    def targets(self, outputs: Sequence[str]) -> list[list[int]]:
        """See Segments."""
        end = self._end
        return [ids + end for ids in self.plain([self._template.answer(text) for text in outputs])]

    def texts(self, instruction: str, input: str) -> tuple[str, str]:
        """See Segments."""
        return self._template.prompt(instruction), self._template.continuation(input)

    def together(self, instruction: str, gists: str, input: str) -> list[int]:
        """See Segments."""
        prompt, continuation = self.texts(instruction, input)
        ids: list[int] = self.tokenizer(prompt + gists + continuation)["input_ids"]
        return ids

    @property
    def end_id(self) -> int | None:
        """See Segments."""
        end: int | None = self.tokenizer.eos_token_id
        return end

    @property
    def _end(self) -> list[int]:
        return [] if self.end_id is None else [self.end_id]
