"""Pretraining rows: an arbitrary span of running text, its gist tokens, and what follows it in the text."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import groupby
from random import Random

from gisteval.masks import MaskRule
from gisteval.models.text.cutting import cut, with_gists
from gisteval.models.text.tokens import PromptTokenizer
from gisteval.records.schema import Example
from gisteval.training.recipe import Spans
from gisteval.training.rows import WHOLE, TrainingRow


def span_rows(
    examples: Iterable[Example],
    tokens: PromptTokenizer,
    spans: Spans,
    seed: int,
    max_length: int,
    context: int = sys.maxsize,
    rule: MaskRule = WHOLE,
) -> tuple[list[TrainingRow], int]:
    """Cut the texts of examples into spans, one behind the other, and what follows each.

    The first token that follows is given, as an input is, so that all predictions are made behind the
    gist tokens.

    Args:
        examples: Training examples. Their texts are one running text.
        tokens: The tokenizer with its gist tokens. Its template is not used.
        spans: The lengths.
        seed: Decides the length of each span.
        max_length: Longest row, in tokens.
        context: Longest span with its gist tokens and what follows, in tokens.
        rule: The mask of the condition, which says where spans are cut into segments.

    Returns:
        The rows, and the number of spans that are too long.
    """
    text = [token for part in texts(examples) for token in _ids(tokens, part)]
    rows: list[TrainingRow] = []
    too_long, start, draw = 0, 0, Random(seed)
    while True:
        end = start + draw.randint(1, spans.longest)
        last = end + spans.follows
        if last > len(text):
            return rows, too_long
        span, start = text[start:end], last
        parts = [span] if rule.segments is None else cut(tokens, span, rule.segments)
        pair = (text[end],), tuple(text[end + 1 : last])
        row = TrainingRow(tuple(with_gists(tokens, parts)), (pair,), tuple(map(len, parts)))
        if len(row) <= max_length and row.last_position(rule, tokens.k) < context:
            rows.append(row)
        else:
            too_long += 1


def texts(examples: Iterable[Example]) -> Iterator[str]:
    """The text of each instruction with the inputs and outputs that belong to it, a line each."""
    for instruction, members in groupby(examples, key=lambda example: example.instruction):
        fields = [instruction, *(field for example in members for field in (example.input, example.output))]
        yield "".join(f"{field}\n" for field in fields if field)


def _ids(tokens: PromptTokenizer, text: str) -> list[int]:
    return list(tokens.tokenizer(text, add_special_tokens=False)["input_ids"])
