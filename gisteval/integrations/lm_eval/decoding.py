"""What lm-eval's generation settings ask for, and its stop texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lm_eval.models.utils import handle_stop_sequences, normalize_gen_kwargs
from transformers import PreTrainedTokenizerBase

from gisteval.errors import GistevalError

MAX_NEW_TOKENS = 256
"""Of a task that names no limit, as in HFLM."""

IGNORED = {"do_sample", "temperature", "top_p", "top_k"}
"""Settings of sampling, which mean nothing once it is off."""

SPARE = 2
"""A stop text may come out in this many more tokens than it is encoded in."""


@dataclass(frozen=True, slots=True)
class Decoding:
    """until: texts before the first of which an answer is cut."""

    max_new_tokens: int
    until: tuple[str, ...]


def read_decoding(settings: Mapping[str, Any], end: str | None) -> Decoding:
    """A request's generation settings; end: the text of the end token, at which every answer ends, if any.

    Raises GistevalError for what greedy decoding can't do.
    """
    found: dict[str, Any] = dict(normalize_gen_kwargs(dict(settings), MAX_NEW_TOKENS))
    until = handle_stop_sequences(found.pop("until", None), eos=end)
    most = int(found.pop("max_gen_toks"))
    if found.get("do_sample"):
        raise GistevalError(
            "this model decodes greedily: ask for no sampling (--gen_kwargs do_sample=False)"
        )
    other = sorted(name for name in found if name not in IGNORED)
    if other:
        raise GistevalError(
            f"this model decodes greedily: generation setting {other[0]!r} is not supported"
        )
    if most < 1:
        raise GistevalError(f"max_gen_toks must be at least 1, not {most}")
    return Decoding(most, tuple(text for text in until if text))


class StopTexts:
    """Whether an answer's tokens hold a stop text; asked after every token of it."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> None:
        self.tokenizer = tokenizer
        self.texts = texts
        longest = max(len(tokenizer.encode(text, add_special_tokens=False)) for text in texts)
        self.window = longest + SPARE

    def __call__(self, token_ids: Sequence[int]) -> bool:
        """Looks at the last tokens only, so that an answer costs the same at any length."""
        tail = self.tokenizer.decode(token_ids[-self.window :])
        return any(text in tail for text in self.texts)
