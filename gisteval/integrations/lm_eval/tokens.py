"""The tokens of lm-eval's requests, split where HFLM splits them."""

from __future__ import annotations

from collections.abc import Sequence

from gisteval.errors import GistevalError
from gisteval.integrations.lm_eval.parts import Parts
from gisteval.models.text.tokens import PromptTokenizer


class TaskTokens(PromptTokenizer):
    """The tokens of a task's own text, as lm-eval's HFLM makes them.

    No template is put around it, and special tokens written in it (by a chat template) are tokens.
    """

    def whole(self, text: str) -> list[int]:
        """A text that nothing precedes, with the tokenizer's own start."""
        first = self._first_id
        begun = first is not None and text.startswith(self.tokenizer.decode(first))
        options = {"add_special_tokens": False} if begun else {}
        ids: list[int] = self.tokenizer.encode(text, **options)
        return ids

    def rest(self, text: str) -> list[int]:
        """A text that follows another."""
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        return ids

    def prompts(self, instructions: Sequence[str]) -> list[list[int]]:
        """Token ids of the compressed parts, as they stand."""
        return [self.whole(text) for text in instructions]

    def template_ends(self, prompt: Sequence[int]) -> tuple[int, int]:
        """The tokenizer's own start, where a compressed part has one; all else is the task's text."""
        start = self.prompts([""])[0]
        return (len(start) if list(prompt[: len(start)]) == start else 0), 0

    @property
    def prefix_id(self) -> int:
        """What stands before a text that nothing precedes: the start token, else the end token.

        Raises GistevalError for a tokenizer without both.
        """
        if self._first_id is None:
            raise GistevalError(
                f"the tokenizer of {self.tokenizer.name_or_path} has no start or end token, so a text that "
                "nothing precedes can't be scored: set bos_token or eos_token in its tokenizer_config.json"
            )
        return self._first_id

    @property
    def _first_id(self) -> int | None:
        found: int | None = self.tokenizer.bos_token_id
        end: int | None = self.tokenizer.eos_token_id
        return end if found is None else found

    def plain(self, parts: Parts) -> list[int]:
        """The part that is not compressed; the prefix token where it is empty."""
        ids = self.rest(parts.plain) if parts.prompt else self.whole(parts.plain)
        return ids or [self.prefix_id]

    def pair(self, parts: Parts, continuation: str) -> tuple[list[int], list[int]]:
        """Plain part and continuation; spaces that end the former begin the latter.

        Both are cut from the tokens of one text, so that a token never spans them in one request only.
        """
        if not parts.plain:
            ids, first = self.rest(continuation), self.prefix_id
            return ([first], ids) if ids[:1] != [first] else (ids[:1], ids[1:])
        context = parts.plain.rstrip()
        both = parts.plain + continuation
        start = self.plain(Parts(parts.prompt, context))
        encoded = self.rest(both) if parts.prompt else self.whole(both)
        return start, encoded[len(start) if context else 0 :]
