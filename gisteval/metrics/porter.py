"""The Porter stemmer, with exactly the stems of nltk's `PorterStemmer()`, which rouge_score uses.

Source: M. F. Porter, "An algorithm for suffix stripping", Program 14(3), 1980, pp. 130-137, with the later
rules of its author (bli, logi) and those that nltk adds: irregular words, and short words on -ies and -ied.
The import of nltk takes longer than many a command, since it brings scipy's statistics and much else.
"""

from __future__ import annotations

from collections.abc import Iterable

_IRREGULAR = {
    "skies": "sky",
    "dying": "die",
    "lying": "lie",
    "tying": "tie",
    "innings": "inning",
    "outings": "outing",
    "cannings": "canning",
}
_IRREGULAR |= {
    word: word
    for word in ("sky", "news", "inning", "outing", "canning", "howe", "proceed", "exceed", "succeed")
}

_STEP_2 = {
    "ational": "ate",
    "tional": "tion",
    "enci": "ence",
    "anci": "ance",
    "izer": "ize",
    "bli": "ble",
    "alli": "al",
    "entli": "ent",
    "eli": "e",
    "ousli": "ous",
    "ization": "ize",
    "ation": "ate",
    "ator": "ate",
    "alism": "al",
    "iveness": "ive",
    "fulness": "ful",
    "ousness": "ous",
    "aliti": "al",
    "iviti": "ive",
    "biliti": "ble",
    "fulli": "ful",
    "logi": "log",
}
_STEP_3 = {
    "icate": "ic",
    "ative": "",
    "alize": "al",
    "iciti": "ic",
    "ical": "ic",
    "ful": "",
    "ness": "",
}
_STEP_4 = (
    *("al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent"),
    *("ion", "ou", "ism", "ate", "iti", "ous", "ive", "ize"),
)


def stem(word: str) -> str:
    """Return the stem of a lower-case word of more than two letters. A digit counts as a consonant."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    word = _final_y(_past_and_progressive(_plural(word)))
    word = _without_ending(_shortened(_merged(word), _STEP_3))
    return _without_double_l(_without_e(word))


def _kinds(word: str) -> str:
    """A letter for each letter: c for a consonant, v for a vowel. A y behind a consonant is a vowel."""
    kinds = ""
    for letter in word:
        is_vowel = letter in "aeiou" or (letter == "y" and kinds.endswith("c"))
        kinds += "v" if is_vowel else "c"
    return kinds


def _measure(word: str) -> int:
    """How often a consonant follows a vowel: m in Porter's [C](VC)^m[V]."""
    return _kinds(word).count("vc")


def _is_short(word: str) -> bool:
    """Whether it ends with consonant, vowel, consonant (not w, x or y), or is a vowel and a consonant."""
    kinds = _kinds(word)
    return (kinds.endswith("cvc") and word[-1] not in "wxy") or kinds == "vc"


def _ends_double(word: str) -> bool:
    return len(word) > 1 and word[-1] == word[-2] and _kinds(word)[-1] == "c"


def _ending(word: str, suffixes: Iterable[str]) -> str | None:
    return next((suffix for suffix in suffixes if word.endswith(suffix)), None)


def _plural(word: str) -> str:
    """Step 1a."""
    if word.endswith("ies"):
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("sses"):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def _past_and_progressive(word: str) -> str:
    """Step 1b."""
    if word.endswith("ied"):
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    suffix = _ending(word, ("ed", "ing"))
    if suffix is None or "v" not in _kinds(word.removesuffix(suffix)):
        return word
    word = word.removesuffix(suffix)
    if word.endswith(("at", "bl", "iz")):
        return f"{word}e"
    if _ends_double(word):
        return word if word[-1] in "lsz" else word[:-1]
    return f"{word}e" if _measure(word) == 1 and _is_short(word) else word


def _final_y(word: str) -> str:
    """Step 1c."""
    changes = len(word) > 2 and word.endswith("y") and _kinds(word[:-1]).endswith("c")
    return f"{word[:-1]}i" if changes else word


def _merged(word: str) -> str:
    """Step 2."""
    if word.endswith("alli") and _measure(word[:-4]) > 0:
        return _merged(word[:-2])
    if word.endswith("logi"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    return _shortened(word, _STEP_2)


def _shortened(word: str, endings: dict[str, str]) -> str:
    """Replace the first ending that fits, if the rest has a measure."""
    suffix = _ending(word, endings)
    if suffix is None or _measure(rest := word.removesuffix(suffix)) == 0:
        return word
    return rest + endings[suffix]


def _without_ending(word: str) -> str:
    """Step 4."""
    suffix = _ending(word, _STEP_4)
    if suffix is None or _measure(rest := word.removesuffix(suffix)) < 2:
        return word
    return word if suffix == "ion" and rest[-1] not in "st" else rest


def _without_e(word: str) -> str:
    """Step 5a."""
    if not word.endswith("e"):
        return word
    measure = _measure(word[:-1])
    return word[:-1] if measure > 1 or (measure == 1 and not _is_short(word[:-1])) else word


def _without_double_l(word: str) -> str:
    """Step 5b."""
    return word[:-1] if word.endswith("ll") and _measure(word[:-1]) > 1 else word
