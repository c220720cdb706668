"""lm-eval's generation settings and stop texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lm_eval.models.utils import handle_stop_sequences, normalize_gen_kwargs
from transformers import PreTrainedTokenizerBase

from gisteval.errors import GistevalError

MAX_NEW_TOKENS = 256
"""Longest answer in tokens for a task that sets no limit, as in HFLM."""

IGNORED = {"do_sample", "temperature", "top_p", "top_k"}
"""Settings of sampling, which have no effect when it is off."""

SPARE = 2
"""A model may produce a stop text in this many more tokens than its encoding has."""


@dataclass(frozen=True, slots=True)
class Decoding:
    """How an answer is decoded.

    Attributes:
        max_new_tokens: Longest answer in tokens.
        until: Stop texts. An answer is cut before the first of them.
    """

    max_new_tokens: int
    until: tuple[str, ...]


def read_decoding(settings: Mapping[str, Any], end: str | None) -> Decoding:
    """Read a request's generation settings.

    Args:
        settings: The settings as lm-eval gives them.
        end: Text of the end token, at which every answer ends. None if there is none.

    Raises:
        GistevalError: A setting is wrong, or greedy decoding does not support it.
    """
    normalized: dict[str, Any] = dict(normalize_gen_kwargs(dict(settings), MAX_NEW_TOKENS))
    until = handle_stop_sequences(normalized.pop("until", None), eos=end)
    most = int(normalized.pop("max_gen_toks"))
    if normalized.get("do_sample"):
        raise GistevalError(
            "this model decodes greedily: switch sampling off with --gen_kwargs do_sample=False"
        )
    other = sorted(name for name in normalized if name not in IGNORED)
    if other:
        raise GistevalError(
            f"this model decodes greedily: generation setting {other[0]!r} is not supported"
        )
    if most < 1:
        raise GistevalError(f"max_gen_toks must be at least 1, not {most}")
    return Decoding(most, tuple(text for text in until if text))


class StopTexts:
    """Tells after every token of an answer whether it contains a stop text."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> None:
        """Prepare the search for these texts, of which there must be at least one."""
        self.tokenizer = tokenizer
        self.texts = texts
        longest = max(len(tokenizer.encode(text, add_special_tokens=False)) for text in texts)
        self.window = longest + SPARE

    def __call__(self, token_ids: Sequence[int]) -> bool:
        """Return whether the last tokens contain a stop text. The cost does not grow with the answer."""
        tail = self.tokenizer.decode(token_ids[-self.window :])
        return any(text in tail for text in self.texts)
