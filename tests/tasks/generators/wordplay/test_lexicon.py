"""The lexicon: no word in two places, and ages as a range."""

from __future__ import annotations

from pathlib import Path

import pytest

from gisteval.tasks.generators.wordplay.lexicon import load_lexicon

TEXT = "ages: [7, 9]\nfields: {city: [Rome, Oslo]}\nnouns: {animal: [cat, dog], thing: [%s]}\n"


def test_nouns_have_one_category_and_ages_are_a_range(tmp_path: Path) -> None:
    (tmp_path / "lexicon.yaml").write_text(TEXT % "box")
    found = load_lexicon(tmp_path)
    assert found.all_nouns == ("cat", "dog", "box")
    assert found.category_of == {"cat": "animal", "dog": "animal", "box": "thing"}
    assert found.fields == {"city": ("Rome", "Oslo"), "age": ("7", "8", "9")}


def test_a_word_in_two_places_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lexicon.yaml").write_text(TEXT % "dog")
    with pytest.raises(ValueError, match="in more than one place: dog"):
        load_lexicon(tmp_path)


def test_the_bundled_lexicon_has_no_repeated_word() -> None:
    found = load_lexicon()
    assert len(set(found.all_nouns)) == len(found.all_nouns) == sum(map(len, found.nouns.values()))
