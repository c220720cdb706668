"""The gist tokens of a prompt's segments, each run behind what it sees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import Accounting, CompressedPrompt, Nothing, Prefix, join
from gisteval.segmentation import Sees


@dataclass(frozen=True, slots=True)
class Piece:
    """A segment. start: the position of its first token; gists: that of its first gist token."""

    tokens: tuple[int, ...]
    start: int
    gists: int

    @property
    def end(self) -> int:
        """One more than the position of its last token."""
        return self.start + len(self.tokens)


@dataclass(frozen=True, slots=True)
class Segmented:
    """A prompt in segments, one at least. behind: the position of the first token behind it."""

    pieces: tuple[Piece, ...]
    behind: int


def gist_prefixes(model: PromptModel, prompts: Sequence[Segmented], sees: Sees) -> list[Prefix]:
    """The gist slots of each prompt, as one prefix.

    Args:
        model: A decoder with gist tokens.
        prompts: The prompts.
        sees: What a segment sees of those before it, see `Segmentation`.

    Returns:
        A prefix a prompt. Their accounting knows slots and bytes, and not where the template stands.

    Raises:
        GistevalError: A position is beyond the context.
    """
    gists = _by_window(model, prompts) if sees == "tokens" else _by_step(model, prompts, sees)
    return [
        replace(join(spans[-1:] if sees == "last" else spans), next_position=prompt.behind)
        for prompt, spans in zip(prompts, gists, strict=True)
    ]


def _by_step(model: PromptModel, prompts: Sequence[Segmented], sees: Sees) -> list[list[Prefix]]:
    """The first segments of all prompts together, then the second ones, and so on."""
    spans: list[list[Prefix]] = [[] for _ in prompts]
    seen: dict[Sees, Callable[[list[Prefix]], list[Prefix]]] = {
        "gists": lambda own: own,
        "last": lambda own: own[-1:],
        "nothing": lambda own: [],
    }
    for step in range(max(len(prompt.pieces) for prompt in prompts)):
        rows = [row for row, prompt in enumerate(prompts) if step < len(prompt.pieces)]
        pieces = [prompts[row].pieces[step] for row in rows]
        before = [seen[sees](spans[row]) for row in rows]
        tokens = _encoded(
            model,
            [piece.tokens for piece in pieces],
            [_at(own, piece.start) for own, piece in zip(before, pieces, strict=True)],
        )
        behind = [
            _at([*own, segment], piece.gists)
            for own, segment, piece in zip(before, tokens, pieces, strict=True)
        ]
        gists = _encoded(model, [model.tokens.gists] * len(rows), behind)
        for row, span in zip(rows, gists, strict=True):
            spans[row].append(span)
    return spans


def _by_window(model: PromptModel, prompts: Sequence[Segmented]) -> list[list[Prefix]]:
    """Whole prompts as they are, and then the gist tokens of each behind their own segments."""
    whole = model.encode(
        [[token for piece in prompt.pieces for token in piece.tokens] for prompt in prompts]
    )
    spans = []
    for prompt, states in zip(prompts, whole, strict=True):
        windows = [
            _at([_part(_prefix(states), piece.start, piece.end)], piece.gists) for piece in prompt.pieces
        ]
        spans.append(_encoded(model, [model.tokens.gists] * len(windows), windows))
    return spans


def _encoded(
    model: PromptModel, ids: Sequence[Sequence[int]], behind: Sequence[Prefix | Nothing]
) -> list[Prefix]:
    return [_prefix(prompt) for prompt in model.encode(ids, behind=behind)]


def _prefix(prompt: CompressedPrompt) -> Prefix:
    assert isinstance(prompt, Prefix)
    return prompt


def _at(seen: Sequence[Prefix], start: int) -> Prefix | Nothing:
    """What runs before tokens that begin at a position."""
    if not seen:
        return Nothing(start, Accounting(0, 0, 0, 0))
    return replace(join(seen), next_position=start)


def _part(prefix: Prefix, start: int, end: int) -> Prefix:
    """The slots of the tokens from `start` to `end` of a prompt that begins at position 0."""
    layers = tuple((keys[:, start:end], values[:, start:end]) for keys, values in prefix.layers)
    kept = tuple(prefix.positions(layer)[:, start:end] for layer in range(len(layers)))
    return Prefix(layers, prefix.next_position, prefix.accounting, kept)
