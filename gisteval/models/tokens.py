"""Token ids of prompts, continuations and targets; the `<GIST>` token.

Segments are always tokenised apart, in training and evaluation alike, so a compressed prompt never
depends on what follows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from transformers import PreTrainedTokenizerBase

from gisteval.errors import GistevalError
from gisteval.prompts import Template

GIST_TOKEN = "<GIST>"


class PromptTokenizer:
    """A tokenizer with the template and the gist tokens of one checkpoint."""

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        template: Template,
        k: int,
        closes_input: bool = False,
    ) -> None:
        """k: gist tokens after each prompt; closes_input: an end token follows each input, as encoders
        are trained with.

        Raises GistevalError if k > 0 and there is no `<GIST>`, or if an example without input would have
        no token behind which its answer could start.
        """
        if not (template.output or closes_input):
            raise GistevalError("template part 'output' must not be empty: it is where the model answers")
        self.closes_input = closes_input
        self.tokenizer = tokenizer
        self.template = template
        self.k = k
        self.gist_id = find_gist_id(tokenizer)
        if k > 0 and self.gist_id is None:
            raise GistevalError(
                f"the tokenizer of {tokenizer.name_or_path} has no {GIST_TOKEN} token: this is not a "
                "gist checkpoint (train one with gisteval train, or evaluate it without --k)"
            )
        start = tokenizer("")["input_ids"]
        self._bos = start[:1] if start and start[0] == tokenizer.bos_token_id else []

    @property
    def gists(self) -> list[int]:
        """The k gist token ids."""
        return [] if self.gist_id is None else [self.gist_id] * self.k

    def count_gists(self, prompt: Sequence[int]) -> int:
        """How many of the k gist tokens end a prompt."""
        return self.k if self.k and list(prompt[-self.k :]) == self.gists else 0

    def prompts(self, instructions: Sequence[str]) -> list[list[int]]:
        """Token ids of the instructions in their template, without gist tokens."""
        texts = [self.template.prompt(instruction) for instruction in instructions]
        return [self._bos + ids for ids in self._encode(texts)]

    def continuations(self, inputs: Sequence[str]) -> list[list[int]]:
        """Token ids of what stands between the prompt and the answer."""
        tail = self._end if self.closes_input else []
        return [ids + tail for ids in self._encode([self.template.continuation(text) for text in inputs])]

    def targets(self, outputs: Sequence[str]) -> list[list[int]]:
        """Token ids of the reference answers, each with the end token."""
        return [ids + self._end for ids in self._encode([self.template.answer(text) for text in outputs])]

    def decode(self, token_ids: Sequence[int]) -> str:
        """Generated ids -> text, special tokens dropped and outer white space stripped."""
        return str(self.tokenizer.decode(token_ids, skip_special_tokens=True)).strip()

    @cached_property
    def template_tokens(self) -> int:
        """Tokens of a prompt whose instruction is empty."""
        return len(self.prompts([""])[0])

    def with_gists(self, k: int) -> PromptTokenizer:
        """The same with another number of gist tokens."""
        return PromptTokenizer(self.tokenizer, self.template, k, self.closes_input)

    @property
    def _end(self) -> list[int]:
        end = self.tokenizer.eos_token_id
        return [] if end is None else [end]

    def _encode(self, texts: list[str]) -> list[list[int]]:
        if not texts:
            return []
        # Text is data: a `<GIST>` or an end token written in it stays the characters it is made of.
        encoded = self.tokenizer(texts, add_special_tokens=False, split_special_tokens=True)
        ids: list[list[int]] = encoded["input_ids"]
        return ids


def find_gist_id(tokenizer: PreTrainedTokenizerBase) -> int | None:
    """Id of `<GIST>`, or None if the vocabulary lacks it."""
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    return vocabulary.get(GIST_TOKEN)


def add_gist_token(tokenizer: PreTrainedTokenizerBase) -> int:
    """Add `<GIST>` as a special token (if missing) and return its id."""
    if GIST_TOKEN not in tokenizer.all_special_tokens:
        tokenizer.add_special_tokens(
            {"additional_special_tokens": [GIST_TOKEN]}, replace_extra_special_tokens=False
        )
    gist_id = find_gist_id(tokenizer)
    assert gist_id is not None
    return gist_id
