"""Stop words go first."""

from __future__ import annotations

import pytest

from gisteval.compressors.pruning.stopwords import STOP_WORDS, StopWords
from gisteval.records.budget import Budget

TEXT = "Please say the first word of it, twice!"


def kept(model, text: str, budget: Budget | None) -> list[str]:
    (found,) = StopWords().compress(model, [text], budget)
    return model.tokens.tokenizer.decode(found.token_ids).removeprefix("Instruction:").split()


def test_stop_words_are_a_part_of_those_of_scikit_learn():
    """A few of ours are no stop words there; none of a task's content words is one."""
    text = pytest.importorskip("sklearn.feature_extraction.text")
    assert len(STOP_WORDS - text.ENGLISH_STOP_WORDS) <= len(STOP_WORDS) // 10
    assert not STOP_WORDS & {"first", "last", "two", "word", "say", "repeat", "not", "no", "never", "twice"}


def test_without_a_budget_only_stop_words_are_dropped(tiny_model):
    model = tiny_model("gpt2", 0)
    assert kept(model, TEXT, None) == ["say", "first", "word", "twice!"]
    assert StopWords().compress(model, [TEXT], None)[0].accounting.asked is None
    assert kept(model, "it is of the", None) == ["it", "is", "of", "the"], "something has to stay"


def test_a_budget_drops_them_first(tiny_model):
    model = tiny_model("gpt2", 0)
    assert kept(model, TEXT, Budget(share=1.0)) == TEXT.split()
    (alone,) = StopWords().compress(model, [TEXT], None)
    content = len(alone.token_ids) - alone.accounting.template_tokens
    assert kept(model, TEXT, Budget(content)) == kept(model, TEXT, None)
    more = kept(model, TEXT, Budget(content + 8))
    assert len(more) > 4, "then stop words fill the budget up"
    assert {"say", "first", "word", "twice!"} <= set(more)
