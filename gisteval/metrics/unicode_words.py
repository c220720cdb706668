"""ROUGE-L on the words of any script. The paper's ROUGE-L sees ASCII letters and digits only.

A text is normalised (NFKC) and lower-cased. Then it is split into tokens by these rules:

- A run of letters, marks and digits is a word. ASCII words are stemmed as in the paper's ROUGE-L, so that
  both metrics agree if both texts are ASCII.
- Some scripts put no space between words: Chinese characters, kana, Bopomofo, Thai, Lao, Khmer and
  Myanmar. There each letter with its marks is a token, so no dictionary is needed.
- Everything else separates tokens: spaces, punctuation, symbols, the underscore, emoji.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from gisteval.metrics.base import TextMetric
from gisteval.metrics.rouge import RougeL, overlap, rouge_tokens, stemmed

_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x3005, 0x3007),  # marks of repetition, zero
    (0x3040, 0x30FF),  # kana
    (0x3100, 0x312F),  # Bopomofo
    (0x31A0, 0x31BF),  # Bopomofo, extended
    (0x31F0, 0x31FF),  # small kana
    (0x3400, 0x4DBF),  # Chinese characters
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)


def unicode_tokens(text: str) -> list[str]:
    """Return the tokens that `rouge_l_unicode` compares, as the module's docstring defines them."""
    if text.isascii():
        return rouge_tokens(text)
    return [stemmed(token) if token.isascii() else token for token in _tokens(text)]


def _tokens(text: str) -> Iterator[str]:
    word = ""
    alone = False
    # Normalised before and after, since lower-casing may separate a letter from its mark.
    for letter in unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).lower()):
        kind = unicodedata.category(letter)[0]
        if kind == "M":
            word += letter if word else ""
            continue
        single = kind in "LN" and _is_unspaced(letter) and not letter.isdecimal()
        if word and (kind not in "LN" or single or alone):
            yield word
            word = ""
        if kind in "LN":
            word += letter
        alone = single
    if word:
        yield word


def _is_unspaced(letter: str) -> bool:
    code = ord(letter)
    return code >= _UNSPACED[0][0] and any(low <= code <= high for low, high in _UNSPACED)


@lru_cache(maxsize=1 << 15)
def rouge_l_unicode(prediction: str, reference: str) -> RougeL:
    """Return ROUGE-L of a prediction against one reference on Unicode words, as fractions of 1."""
    return overlap(unicode_tokens(prediction), unicode_tokens(reference))


class UnicodeRougeL(TextMetric):
    """ROUGE-L F1 on words of any script."""

    name = "rougeL-unicode"
    title = "ROUGE-L, Unicode words"
    compared = False

    def of_texts(self, output: str, reference: str) -> float:
        """Return F1 in percent."""
        return 100 * rouge_l_unicode(output, reference).f1
