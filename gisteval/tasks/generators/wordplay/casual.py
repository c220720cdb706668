"""The casual layer: how people really write, laid over a template at random.

Only the words around the parameters change; a parameter's own words are never dropped or respelled.
"""

from __future__ import annotations

import re
from random import Random

from gisteval.tasks.generators.wordplay.families import FAMILIES
from gisteval.tasks.generators.wordplay.phrasing import (
    Construction,
    Wording,
    close,
    sentence_case,
    tidy,
)

CONTRACTIONS = (
    (re.compile(r"\b(do|does|is|are|was|would|should|could|must) not\b"), r"\1n't"),
    (re.compile(r"\bcan ?not\b"), "can't"),
    (re.compile(r"\b(what|it|that|there|here|who|where) is\b"), r"\1's"),
    (re.compile(r"\bI am\b"), "I'm"),
    (re.compile(r"\bI will\b"), "I'll"),
    (re.compile(r"\bI would\b"), "I'd"),
    (re.compile(r"\b(you|we|they) are\b"), r"\1're"),
    (re.compile(r"\byou will\b"), "you'll"),
    (re.compile(r"\bI have\b"), "I've"),
    (re.compile(r"\blet us\b"), "let's"),
)
DROPPABLE = re.compile(r"\b(the|a|an|that|me|just) (?=[a-z0-9])")
LIGHT_MARKS = re.compile(r"[,;](?= )")
INNER_MARKS = re.compile(r"(?<=\w)[.?:](?= )")
PRONOUN_I = re.compile(r"\bI\b")
APOSTROPHE = re.compile(r"(?<=[a-z])'(?=[a-z])")
BOUNDARIES = (". ", ". ", ": ", ", ", " - ")


def casual(wording: Wording, template: Construction, plain_share: float) -> str:
    """One training instruction: plain with probability ``plain_share``, else casual."""
    rng = wording.rng
    text = wording.render(template.choice)
    if rng.random() < plain_share:
        return sentence_case(close(tidy(text)), wording.params)
    text = _with_opening(wording, text, template.is_imperative)
    if rng.random() < 0.25:
        text = _with_closing(wording, text)
    text = tidy(text)
    if rng.random() < 0.5:
        text = _contracted(text)
    text = sentence_case(text, wording.params) if rng.random() < 0.5 else text
    return _loosened(text, rng)


def _casual_part(wording: Wording, key: str) -> str:
    return wording.render(wording.grammar.casual[key])


def _part_by_kind(wording: Wording, key: str) -> str:
    return wording.render(wording.grammar.by_kind[key][FAMILIES[wording.family].kind])


def _with_opening(wording: Wording, text: str, is_imperative: bool) -> str:
    rng = wording.rng
    if is_imperative and rng.random() < 0.35:
        text = f"{_casual_part(wording, 'requests')} {text}"
    chance = rng.random()
    if chance < 0.15:
        return _casual_part(wording, "contexts") + rng.choice(BOUNDARIES) + text
    if chance < 0.27:
        clause = _casual_part(wording, "clauses")
        context = _casual_part(wording, "contexts")
        return f"{clause.replace('CONTEXT', context)} {text}"
    if chance < 0.37:
        return _part_by_kind(wording, "intros") + rng.choice(BOUNDARIES) + text
    if chance < 0.50:
        return f"{_part_by_kind(wording, 'whens')} {text}"
    if chance < 0.68:
        return f"{_casual_part(wording, 'openers')} {text}"
    return text


def _with_closing(wording: Wording, text: str) -> str:
    rng = wording.rng
    if rng.random() < 0.15:
        return close(text) + " " + _casual_part(wording, "contexts")
    mark = " " if text.endswith(("?", ".")) else rng.choice((", ", ", ", ". ", " "))
    return text + mark + _casual_part(wording, "closers")


def _contracted(text: str) -> str:
    for pattern, replacement in CONTRACTIONS:
        text = pattern.sub(replacement, text)
    return text


def _loosened(text: str, rng: Random) -> str:
    """Lower case, missing marks and missing articles, each at random."""
    if rng.random() < 0.15:
        text = DROPPABLE.sub(lambda match: "" if rng.random() < 0.6 else match[0], text)
    if rng.random() < 0.25:
        text = LIGHT_MARKS.sub("", text)
    if rng.random() < 0.1:
        text = INNER_MARKS.sub("", text)
    if rng.random() < 0.15:
        text = APOSTROPHE.sub("", text)
    if rng.random() < 0.6:
        text = close(text) if rng.random() < 0.85 else text.rstrip(".?") + "!"
    else:
        text = text.rstrip(".?!:,;")
    return text if text[0].isupper() else PRONOUN_I.sub("i", text)
