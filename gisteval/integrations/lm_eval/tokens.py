"""The tokens of lm-eval's requests, split as in HFLM."""

from __future__ import annotations

from collections.abc import Sequence

from gisteval.errors import GistevalError
from gisteval.integrations.lm_eval.parts import Parts
from gisteval.models.text.tokens import PromptTokenizer


class TaskTokens(PromptTokenizer):
    """Tokenises a task's texts as lm-eval's HFLM does.

    No template is put around a text. Special tokens that a chat template has written into it are tokens.
    """

    def whole(self, text: str) -> list[int]:
        """Return the token ids of a text that nothing precedes, with the tokenizer's start token."""
        first = self._first_id
        has_start = first is not None and text.startswith(self.tokenizer.decode(first))
        options = {"add_special_tokens": False} if has_start else {}
        ids: list[int] = self.tokenizer.encode(text, **options)
        return ids

    def rest(self, text: str) -> list[int]:
        """Return the token ids of a text that follows another."""
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        return ids

    def prompts(self, instructions: Sequence[str]) -> list[list[int]]:
        """Return the token ids of compressed parts, without a template."""
        return [self.whole(text) for text in instructions]

    def template_ends(self, prompt: Sequence[int]) -> tuple[int, int]:
        """Return the length of the tokenizer's start tokens and 0. All other tokens are the task's text."""
        start = self.prompts([""])[0]
        return (len(start) if list(prompt[: len(start)]) == start else 0), 0

    @property
    def prefix_id(self) -> int:
        """Id of the token before a text that nothing precedes: the start token, or else the end token.

        Raises:
            GistevalError: The tokenizer has neither.
        """
        if self._first_id is None:
            raise GistevalError(
                f"the tokenizer of {self.tokenizer.name_or_path} has no start or end token, so a text that "
                "nothing precedes can't be scored: set bos_token or eos_token in its tokenizer_config.json"
            )
        return self._first_id

    @property
    def _first_id(self) -> int | None:
        start: int | None = self.tokenizer.bos_token_id
        end: int | None = self.tokenizer.eos_token_id
        return end if start is None else start

    def plain(self, parts: Parts) -> list[int]:
        """Return the token ids of the part that is not compressed, or the prefix token if it is empty."""
        ids = self.rest(parts.plain) if parts.prompt else self.whole(parts.plain)
        return ids or [self.prefix_id]

    def pair(self, parts: Parts, continuation: str) -> tuple[list[int], list[int]]:
        """Return the token ids of the plain part and of a continuation.

        Spaces at the end of the plain part move to the continuation. Both are cut from the tokens of one
        text, as in HFLM, so that the boundary does not depend on the request.
        """
        if not parts.plain:
            ids, first = self.rest(continuation), self.prefix_id
            return ([first], ids) if ids[:1] != [first] else (ids[:1], ids[1:])
        context = parts.plain.rstrip()
        both = parts.plain + continuation
        start = self.plain(Parts(parts.prompt, context))
        encoded = self.rest(both) if parts.prompt else self.whole(both)
        return start, encoded[len(start) if context else 0 :]
