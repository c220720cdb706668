"""Document frequencies against scikit-learn's formula and a count by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from gisteval.compressors.pruning.frequencies import Frequencies, document_frequencies
from gisteval.errors import GistevalError


def test_words_are_counted_once_a_document_and_documents_once(tmp_path: Path) -> None:
    file = tmp_path / "docs.csv"
    file.write_text("instruction\nsay say yes\nsay no\nsay no\nmaybe\n")
    found = document_frequencies("", str(file), 100)
    assert (found.documents, dict(found.counts)) == (3, {"say": 2, "yes": 1, "no": 1, "maybe": 1})
    assert document_frequencies("", str(file), 1).documents == 1


def test_rarity_is_the_smoothed_idf_and_weights_are_tf_idf() -> None:
    found = Frequencies(9, {"common": 9, "rare": 1})
    assert found.rarity("common") == pytest.approx(1.0)
    assert found.rarity("rare") == pytest.approx(math.log(10 / 2) + 1)
    assert found.rarity("unseen") == pytest.approx(math.log(10) + 1)
    weights = found.weigh(["rare", "rare", "common"])
    assert weights == pytest.approx({"rare": 2 * found.rarity("rare"), "common": 1.0})


def test_the_digest_follows_every_count() -> None:
    digests = [Frequencies(n, {"a": count}).digest() for n in (1, 2) for count in (1, 2)]
    assert len(set(digests)) == 4
    assert Frequencies(1, {"a": 1, "b": 2}).digest() == Frequencies(1, {"b": 2, "a": 1}).digest()


@pytest.mark.parametrize(
    ("text", "message"), [("instruction\n", "no document"), ("text\na\n", "row 1: 'instruction'")]
)
def test_a_file_without_documents_is_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "docs.csv"
    file.write_text(text)
    with pytest.raises(GistevalError, match=message):
        document_frequencies("", str(file), 10)
