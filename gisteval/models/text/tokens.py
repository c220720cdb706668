"""Token ids of prompts, continuations and targets; the `<GIST>` token.

How texts become ids is `segments`' part; here they are put together with the gist tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import takewhile

from transformers import PreTrainedTokenizerBase

from gisteval.errors import GistevalError
from gisteval.models.text.chat_segments import ChatSegments
from gisteval.models.text.segments import PlainSegments, Segments
from gisteval.prompts import ChatTemplate, Template
from gisteval.records.schema import Example
from gisteval.thinking import Pair, Thinking, behind_first

GIST_TOKEN = "<GIST>"

RESIZE = "call model.resize_token_embeddings(len(tokenizer)) and save the model"

REMEMBERED = 4096
"""Texts of a kind whose token ids are kept: a window asks for them when it is planned and when it runs."""


class PromptTokenizer:
    """Token ids of prompts, continuations and answers, by one checkpoint's template and gist tokens."""

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        template: Template | ChatTemplate,
        k: int,
        closes_input: bool = False,
        answers_at_once: bool = False,
    ) -> None:
        """Put the template on the tokenizer.

        `rows`, of the model's embedding, is set by the model that this is given to.

        Args:
            tokenizer: The checkpoint's.
            template: How instruction, input and output become text.
            k: Gist tokens after each prompt.
            closes_input: Whether an end token follows each input, as encoders are trained with.
            answers_at_once: Whether the model was trained to answer where its prompt ends, whatever
                thoughts the chat template knows.

        Raises:
            GistevalError: k > 0 and there is no `<GIST>`, or the template does not fit.
        """
        self.closes_input = closes_input
        self.answers_at_once = answers_at_once
        self.tokenizer = tokenizer
        self.template = template
        self.k = k
        self.gist_id = find_gist_id(tokenizer)
        if k > 0 and self.gist_id is None:
            raise GistevalError(
                f"the tokenizer of {tokenizer.name_or_path} has no {GIST_TOKEN} token: this is not a "
                "gist checkpoint (train one with gisteval train, or evaluate it without --k)"
            )
        self.segments = self._segments()
        self.rows: int | None = None
        self._opened: dict[Pair, str] = {}
        self._known: dict[str, dict[str, list[int]]] = {}

    @property
    def gists(self) -> list[int]:
        """The k gist token ids."""
        return [] if self.gist_id is None else [self.gist_id] * self.k

    def are_gists(self, prompt: Sequence[int]) -> list[bool]:
        """Which of a prompt's tokens are gist tokens: k at its end, or behind each of its segments."""
        if not self.k or list(prompt[-self.k :]) != self.gists:
            return [False] * len(prompt)
        return [token == self.gist_id for token in prompt]

    def prompts(self, instructions: Sequence[str]) -> list[list[int]]:
        """Token ids of the instructions in their template, without gist tokens."""
        return self._ids(self.segments.prompts, instructions)

    def continuations(self, inputs: Sequence[str]) -> list[list[int]]:
        """Token ids of what stands between the prompt and the answer."""
        return self._ids(self.segments.continuations, inputs)

    def targets(self, outputs: Sequence[str]) -> list[list[int]]:
        """Token ids of the reference answers, each with the end token."""
        return self._ids(self.segments.targets, outputs)

    def lengths(self, examples: Sequence[Example]) -> list[tuple[int, int, int]]:
        """Tokens of each example's prompt without gists, of its input, and of its reference."""
        parts = (
            self.prompts([example.instruction for example in examples]),
            self.continuations([example.input for example in examples]),
            self.targets([example.output for example in examples]),
        )
        return [(len(prompt), len(x), len(y)) for prompt, x, y in zip(*parts, strict=True)]

    def decode(self, token_ids: Sequence[int]) -> str:
        """Generated ids -> text, special tokens dropped and outer white space stripped."""
        return str(self.tokenizer.decode(token_ids, skip_special_tokens=True)).strip()

    def answer_text(self, token_ids: Sequence[int], thinking: Thinking) -> tuple[str, str | None]:
        """The answer in generated ids, and the whole text where thoughts before the answer were dropped.

        A thought that the chat template opened is a part of the text, its tag included.
        """
        plain = self.decode(token_ids)
        if not thinking.strip:
            return plain, None
        text = keep_tags(self.tokenizer, token_ids, [thinking.pair])
        whole = (self.opened_by(thinking.pair) + text).strip()
        spoken = behind_first(whole, thinking.pair)
        return (spoken.answer, whole) if spoken.thoughts else (plain, None)

    def opened_by(self, pair: Pair) -> str:
        """The tag with which the chat template opens a thought before an answer, or ""."""
        if pair not in self._opened:
            self._opened[pair] = self.segments.opened_by(pair) if self.thinks(pair) else ""
        return self._opened[pair]

    def thinks(self, pair: Pair) -> bool:
        """Whether a thought may stand before an answer, by the chat template and the model's training."""
        return not self.answers_at_once and self.segments.thinks(pair)

    def behind_thought(self, inputs: Sequence[str], pair: Pair) -> list[list[int]] | None:
        """See Segments."""
        return self.segments.behind_thought(inputs, pair) if self.thinks(pair) else None

    @cached_property
    def template_tokens(self) -> int:
        """Tokens of a prompt whose instruction is empty."""
        return len(self.prompts([""])[0])

    @cached_property
    def _frame(self) -> tuple[list[int], list[int]]:
        return self.segments.frame()

    def template_ends(self, prompt: Sequence[int]) -> tuple[int, int]:
        """How many tokens of a prompt without gists are the template's, before and behind the instruction.

        A token that holds a letter of both, such as a word with the template's space before it, is the
        instruction's: without the instruction it would not be there.
        """
        head, tail = self._frame
        before = _common(prompt, head)
        return before, _common(prompt[before:][::-1], tail[::-1])

    def with_gists(self, k: int) -> PromptTokenizer:
        """The same with another number of gist tokens."""
        return PromptTokenizer(self.tokenizer, self.template, k, self.closes_input, self.answers_at_once)

    def _ids(
        self, tokenise: Callable[[Sequence[str]], list[list[int]]], texts: Sequence[str]
    ) -> list[list[int]]:
        known = self._known.setdefault(tokenise.__name__, {})
        if len(known) + len(texts) > REMEMBERED:
            known.clear()
        new = [text for text in dict.fromkeys(texts) if text not in known]
        new_ids = tokenise(new)
        self._check_rows(new_ids)
        known.update(zip(new, new_ids, strict=True))
        return [list(known[text]) for text in texts]

    def _check_rows(self, sequences: Sequence[Sequence[int]]) -> None:
        """Raise GistevalError for a token that the model has no embedding of."""
        worst = max((token for ids in sequences for token in ids), default=0)
        if self.rows is not None and worst >= self.rows:
            raise GistevalError(
                f"the tokenizer of {self.tokenizer.name_or_path} has a token "
                f"{self.tokenizer.convert_ids_to_tokens(worst)!r} (id {worst}), but the model's embedding "
                f"has only {self.rows} rows: {RESIZE}"
            )

    def _segments(self) -> Segments:
        if isinstance(self.template, Template):
            return PlainSegments(self.tokenizer, self.template, self.closes_input)
        if self.closes_input:
            raise GistevalError("an encoder-decoder takes no chat template: leave --chat-template out")
        return ChatSegments(self.tokenizer, self.template, None if self.gist_id is None else GIST_TOKEN)


def keep_tags(tokenizer: PreTrainedTokenizerBase, token_ids: Sequence[int], pairs: Sequence[Pair]) -> str:
    """Generated ids -> text without special tokens, except those that open and close a thought."""
    wanted = {tag for pair in pairs for tag in pair}
    added = tokenizer.added_tokens_decoder.items()
    tags = {number: token.content for number, token in added if token.special and token.content in wanted}
    pieces, start = [], 0
    for place, token in enumerate(token_ids):
        if token in tags:
            pieces += [tokenizer.decode(token_ids[start:place], skip_special_tokens=True), tags[token]]
            start = place + 1
    pieces.append(tokenizer.decode(token_ids[start:], skip_special_tokens=True))
    return "".join(map(str, pieces))


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    """Length of the longest common beginning."""
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False))
    return sum(1 for _ in pairs)


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
