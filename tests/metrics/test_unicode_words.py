"""ROUGE-L on Unicode words: tokens by a second path, and scores by a plain table."""

from __future__ import annotations

import unicodedata

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from gisteval.metrics import chrf, rouge_l, rouge_l_unicode, rouge_tokens, unicode_tokens, unread

# The same definition by the names of scripts in the Unicode database.
NAMES = ("Han", "Hiragana", "Katakana", "Bopomofo", "Thai", "Lao", "Khmer", "Myanmar")
SCRIPTS = "".join(rf"\p{{{name}}}" for name in NAMES)
ALONE = rf"[[\p{{L}}\p{{Nl}}\p{{No}}]&&[{SCRIPTS}\u3006\u30fc]]"
LETTER = rf"[[\p{{L}}\p{{N}}]--{ALONE}]"
TOKENS = regex.compile(rf"(?V1){ALONE}\p{{M}}*|{LETTER}(?:{LETTER}|\p{{M}})*")


def tokens_by_script(text: str) -> list[str]:
    lowered = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).lower())
    found = TOKENS.findall(lowered)
    return [stem for token in found for stem in (rouge_tokens(token) if token.isascii() else [token])]


def longest_common(one: list[str], other: list[str]) -> int:
    lengths = [0] * (len(other) + 1)
    for token in one:
        before = lengths[:]
        for place, theirs in enumerate(other, 1):
            longest = max(before[place], lengths[place - 1])
            lengths[place] = before[place - 1] + 1 if token == theirs else longest
    return lengths[-1]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        (
            "\u4e2d\u56fd\u662f\u4e2a\u597d\u5730\u65b9\u3002",
            list("\u4e2d\u56fd\u662f\u4e2a\u597d\u5730\u65b9"),
        ),
        (
            "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440!",
            ["\u043f\u0440\u0438\u0432\u0435\u0442", "\u043c\u0438\u0440"],
        ),
        ("\u30c6\u30ec\u30d3\u3092 3\u53f0", ["\u30c6", "\u30ec", "\u30d3", "\u3092", "3", "\u53f0"]),
        ("GPT4\u6a21\u578b running", ["gpt4", "\u6a21", "\u578b", "run"]),
        ("\uff21\uff22 na\u00efve cafe\u0301", ["ab", "na\u00efve", "caf\u00e9"]),
        (
            "\u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e",
            ["\u0928\u092e\u0938\u094d\u0924\u0947", "\u0926\u0941\u0928\u093f\u092f\u093e"],
        ),
        ("\u0e17\u0e35\u0e48\u0e19\u0e35\u0e48", ["\u0e17\u0e35\u0e48", "\u0e19\u0e35\u0e48"]),
        ("\uc548\ub155 \uc138\uc0c1", ["\uc548\ub155", "\uc138\uc0c1"]),
        ("snake_case \u2014 \U0001f600", ["snake", "case"]),
    ],
)
def test_tokens_of_many_scripts(text: str, tokens: list[str]) -> None:
    assert unicode_tokens(text) == tokens
    assert tokens_by_script(text) == tokens


ALPHABET = (
    "ab R7_.,\n\u00e9\u0301\u4e2d\u6587\u3042\u30ab\u30fc"
    "\u0e17\u0e35\u043f\u0938\u094d\uc548\uff21\u00bd\u00b2\U0001f600"
)
texts = st.text(alphabet=ALPHABET, max_size=24)


@given(texts)
def test_tokens_equal_those_by_script(text: str) -> None:
    assert unicode_tokens(text) == tokens_by_script(text)


@given(texts, texts)
def test_scores_equal_those_of_a_plain_table(prediction: str, reference: str) -> None:
    ours, theirs = tokens_by_script(prediction), tokens_by_script(reference)
    common = longest_common(ours, theirs)
    expected = 2 * common / (len(ours) + len(theirs)) if common else 0.0
    assert rouge_l_unicode(prediction, reference).f1 == pytest.approx(expected)
    if theirs:
        assert rouge_l_unicode(reference, reference).f1 == 1.0


@given(
    st.text(alphabet=st.characters(max_codepoint=127)), st.text(alphabet=st.characters(max_codepoint=127))
)
def test_it_is_the_papers_rouge_on_ascii(prediction: str, reference: str) -> None:
    assert rouge_l_unicode(prediction, reference) == rouge_l(prediction, reference)


def test_what_rouge_cannot_read_is_counted() -> None:
    found = unread(["\u597d", "", "a", "7", "\u2014"])
    assert (found.count, found.total, found.too_many) == (3, 5, True)
    assert not unread(["a"] * 90 + ["\u597d"] * 10).too_many
    assert unread(["a"] * 89 + ["\u597d"] * 11).too_many
    assert not unread(["a"])


def test_chrf_reads_any_script() -> None:
    assert chrf("\u4f60\u597d", "\u4f60\u597d") == pytest.approx(100.0)
    assert chrf("\u4e16\u754c", "\u4f60\u597d") == 0.0
