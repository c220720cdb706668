"""TF-IDF against scikit-learn's, the keyword, and what its documents mean for records."""

from __future__ import annotations

import json

import pytest

from gisteval.compressors.pruning.frequencies import TRAINING_SPLIT, document_frequencies
from gisteval.compressors.pruning.passage import plain_words
from gisteval.compressors.spec import build_compressor
from gisteval.errors import GistevalError
from gisteval.records.budget import Budget
from gisteval.tasks import load_task

DOCUMENTS = [
    "Say the first word, twice.",
    "say the last word",
    "Repeat the first word",
    "the the the no",
    "say no or yes",
]
TEXT = "Say the yes word twice, yes!"


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "documents.jsonl"
    rows = [json.dumps({"instruction": text}) for text in [*DOCUMENTS, DOCUMENTS[0]]]
    path.write_text("\n".join(rows))
    return path


def test_weights_equal_those_of_scikit_learn(table):
    text = pytest.importorskip("sklearn.feature_extraction.text")
    vectorizer = text.TfidfVectorizer(analyzer=plain_words, norm=None)
    vectorizer.fit(DOCUMENTS)
    row = vectorizer.transform([TEXT]).toarray()[0]
    expected = dict(zip(vectorizer.get_feature_names_out(), row, strict=True))
    found = document_frequencies("", str(table), 100).weigh(plain_words(TEXT))
    assert found == pytest.approx({word: expected[word] for word in found}, rel=1e-12)
    assert set(found) == {"say", "the", "yes", "word", "twice"}


def test_rare_words_are_kept_and_repeated_ones_gain_nothing(tiny_model, table):
    """Tokens are bytes or pairs here, so a word's room is about its length."""
    model = tiny_model("gpt2", 0)
    compressor = build_compressor(f"tfidf:file={table}")

    def kept(text: str, budget: Budget) -> list[str]:
        (found,) = compressor.compress(model, [text], budget)
        return model.tokens.tokenizer.decode(found.token_ids).removeprefix("Instruction:").split()

    words = kept(TEXT, Budget(share=0.7))
    assert {"yes", "yes!", "twice,"} <= set(words)
    assert "the" not in words
    repeated = "the word the word the word the word zebra"
    assert "zebra" in kept(repeated, Budget(share=0.3))
    weights = document_frequencies("", str(table), 100).weigh(plain_words(repeated))
    assert max(weights, key=weights.__getitem__) != "zebra"


def test_the_keyword_is_one_token_of_the_rarest_word(tiny_model, table):
    model = tiny_model("gpt2", 0)
    (ids,) = model.tokens.prompts([TEXT])
    head, tail = model.tokens.template_ends(ids)
    (found,) = build_compressor(f"keyword:file={table}").compress(model, [TEXT], None)
    assert len(found.token_ids) == head + tail + 1
    assert (found.accounting.asked, found.accounting.kept_template) == (1, head + tail)
    piece = model.tokens.tokenizer.decode(found.token_ids[head : head + 1]).strip()
    assert piece
    assert "yes".startswith(piece)


def test_documents_are_the_training_instructions_of_the_task():
    found = document_frequencies("wordplay", "", 50)
    texts = dict.fromkeys(
        example.instruction for example in load_task("wordplay").examples(TRAINING_SPLIT, 200)
    )
    assert found.documents == 50
    assert found.counts["the"] == sum("the" in plain_words(text) for text in list(texts)[:50])


def test_the_documents_are_a_part_of_the_identity(table):
    first = build_compressor(f"tfidf:file={table}").helper_digests()
    assert build_compressor(f"tfidf:file={table},documents=3").helper_digests() != first
    assert set(first) == {"frequencies"}
    assert build_compressor(f"keyword:file={table}").helper_digests() == first


def test_bad_documents_are_one_line(tmp_path, table):
    with pytest.raises(GistevalError, match=r"nowhere\.jsonl"):
        build_compressor(f"tfidf:file={tmp_path}/nowhere.jsonl").helper_digests()
    with pytest.raises(GistevalError, match="task 'wordpla' is unknown"):
        build_compressor("tfidf:task=wordpla").helper_digests()
    with pytest.raises(GistevalError, match="alpaca_plus has no split 'train' to count words in"):
        build_compressor("tfidf:task=alpaca_plus").helper_digests()
    with pytest.raises(GistevalError, match="documents must be at least 1, not 0"):
        build_compressor("tfidf:documents=0")
    (tmp_path / "other.jsonl").write_text('{"text": "say"}\n')
    with pytest.raises(GistevalError, match=r"other\.jsonl, row 1: 'instruction' must be a text"):
        build_compressor(f"tfidf:file={tmp_path}/other.jsonl").helper_digests()
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(GistevalError, match=r"empty\.jsonl"):
        build_compressor(f"tfidf:file={tmp_path}/empty.jsonl").helper_digests()


def test_another_tasks_words_are_not_silently_weighed_by_the_default_one(table):
    with pytest.raises(GistevalError, match="write tfidf:task=p3"):
        build_compressor("tfidf").check_instructions([TEXT], None, "p3")
    build_compressor("tfidf").check_instructions([TEXT], None, "wordplay")
    build_compressor("tfidf:task=p3").check_instructions([TEXT], None, "p3")
    build_compressor(f"tfidf:file={table}").check_instructions([TEXT], None, "p3")
