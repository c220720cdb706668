"""Prompts in segments, with gist tokens after each of them: where they are cut and what each sees."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, Self, get_args

from gisteval.errors import GistevalError, did_you_mean
from gisteval.registry import SEGMENTS

Sees = Literal["gists", "last", "nothing", "tokens"]
Numbering = Literal["original", "slots"]

SENTENCE = "sentence"
LINE = "line"
BY_TEXT = (SENTENCE, LINE)
"""Lengths that the text decides."""

TEXT_TOKENS = 20
"""Tokens of a sentence or a line, where its text isn't looked at and only its cost is estimated."""

_TOKENS = re.compile(r"0*[1-9]\d{0,8}")
_PARTS = re.compile(r"1/(0*[1-9]\d{0,8})")


@dataclass(frozen=True, slots=True)
class Segmentation:
    """How a prompt is cut, and what its segments and what follows them see.

    Every token sees the tokens of its own segment before it. What it sees besides is a choice.

    Attributes:
        length: "32" for segments of at most 32 tokens, "1/4" for four segments, in both cases equally long
            within one token; "sentence" for a segment a sentence, "line" for one a line.
        sees: What a segment sees of those before it. "gists": their gist tokens, as AutoCompressors do
            (arXiv 2305.14788). "last": the gist tokens of the one right before it, so that these hold all
            before them, and only the last ones of a prompt stay (a recurrent memory, arXiv 2207.06881).
            "nothing": each segment is compressed by itself. "tokens": all tokens before it, as in a plain
            prompt, while its gist tokens see this one segment alone (GistPool's mask, arXiv 2504.08934).
        numbering: "original": tokens and gist tokens stand in the order of the text, and what follows
            behind them. "slots": the gist tokens stand where a prompt of nothing but them would have
            them, a segment behind all gist tokens that it sees and its own. So a prompt takes up its gist
            tokens and one segment of the context, however long it is. Under "tokens" the gist tokens take
            up no positions: they stand at those of the last tokens of their segment.
    """

    length: str = "32"
    sees: Sees = "gists"
    numbering: Numbering = "original"

    def __post_init__(self) -> None:
        """Check the values. Raises GistevalError."""
        if not (self.length in BY_TEXT or _TOKENS.fullmatch(self.length) or _PARTS.fullmatch(self.length)):
            raise GistevalError(
                f"length must be a number of tokens such as 32, {SENTENCE}, {LINE}, or a share "
                f"such as 1/4 for four segments, not {self.length!r}"
            )
        for name, kind in (("sees", Sees), ("numbering", Numbering)):
            value, known = getattr(self, name), get_args(kind)
            if value not in known:
                raise GistevalError(
                    f"{name} must be one of {', '.join(known)}, not {value!r}"
                    f"{did_you_mean(str(value), known)}"
                )
        if self.sees == "tokens" and self.numbering == "slots":
            raise GistevalError(
                "sees=tokens reads the whole prompt at its own positions: leave numbering out"
            )

    @classmethod
    def from_json(cls, value: Any) -> Self | None:
        """Read what `to_json` wrote; None for none. Raises ValueError naming the field."""
        if value is None:
            return None
        names = [field.name for field in fields(cls)]
        if not isinstance(value, dict) or not all(
            name in names and isinstance(text, str) for name, text in value.items()
        ):
            raise ValueError(f"{SEGMENTS} must be an object of {', '.join(names)}, not {value!r:.80}")
        try:
            return cls(**value)
        except GistevalError as error:
            raise ValueError(f"{SEGMENTS}: {error}") from error

    def to_json(self) -> Mapping[str, str]:
        """Plain form, for gist.json."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def spec(self) -> str:
        """The compressor that reads prompts so, in its canonical form."""
        changed = [f"{f.name}={v}" for f in fields(self) if (v := getattr(self, f.name)) != f.default]
        return f"{SEGMENTS}:{','.join(sorted(changed))}" if changed else SEGMENTS

    @property
    def label(self) -> str:
        """A short name, for systems: "every-32", "every-sentence-last", "parts-4"."""
        parts = _PARTS.fullmatch(self.length)
        cut = f"parts-{int(parts[1])}" if parts else f"every-{self.length}"
        sees = "" if self.sees == "gists" else f"-{self.sees}"
        return f"{cut}{sees}{'' if self.numbering == 'original' else '-slots'}"

    def count(self, tokens: int) -> int:
        """Segments of a prompt of so many tokens; of sentences and lines an estimate."""
        if parts := _PARTS.fullmatch(self.length):
            return max(1, min(int(parts[1]), tokens))
        size = TEXT_TOKENS if self.length in BY_TEXT else int(self.length)
        return max(1, -(-tokens // size))

    def ends(self, tokens: int) -> list[int]:
        """Where each segment ends, equally long within one token."""
        count = self.count(tokens)
        return [tokens * number // count for number in range(1, count + 1)]
