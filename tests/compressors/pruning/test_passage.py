"""Words and tokens of an instruction, found by the tokenizer and checked by decoding."""

from __future__ import annotations

import pytest

from gisteval.compressors.pruning.passage import plain_word, plain_words, read_passage, token_spans
from gisteval.errors import GistevalError
from gisteval.models.text.tokens import PromptTokenizer
from gisteval.prompts import ChatTemplate, Template

TEXTS = [
    "say",
    "say the first word, twice; or maybe no!",
    "  say\n\nthe   first word \n",
    "café naïve 日本語 words",
    "...",
    "say <GIST> twice",
]
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def readers(tiny_tokenizer, chat_tokenizer) -> dict[str, PromptTokenizer]:
    return {
        "plain": PromptTokenizer(tiny_tokenizer, Template(), 1),
        "bare": PromptTokenizer(tiny_tokenizer, Template(instruction="{instruction}"), 1),
        "chat": PromptTokenizer(chat_tokenizer(CHATML), ChatTemplate("system"), 1),
        "stripping chat": PromptTokenizer(
            chat_tokenizer(CHATML.replace("m.content", "m.content | trim")), ChatTemplate("system"), 1
        ),
    }


@pytest.fixture
def reader(request, tiny_tokenizer, chat_tokenizer) -> PromptTokenizer:
    return readers(tiny_tokenizer, chat_tokenizer)[request.param]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("reader", ["plain", "bare", "chat", "stripping chat"], indirect=True)
def test_every_token_is_in_one_word_and_decodes_to_it(reader, text):
    (ids,) = reader.prompts([text])
    passage = read_passage(reader, text, ids)
    head, tail = reader.template_ends(ids)
    places = [place for word in passage.words for place in word.places]
    assert places == list(range(head, len(ids) - tail))
    assert [token.places for token in passage.tokens] == [(place,) for place in places]
    assert [text[word.start : word.end] for word in passage.words] == text.split()
    for word in passage.words:
        decoded = reader.tokenizer.decode([ids[place] for place in word.places])
        assert decoded.strip() == word.word
    for token in passage.tokens:
        assert 0 <= token.start <= token.end <= len(text)
        assert text[token.start : token.end] == text[token.start : token.end].strip()


def test_pruning_keeps_the_template_and_the_order(tiny_tokenizer):
    reader = PromptTokenizer(tiny_tokenizer, Template(), 1)
    text = "say the first word twice"
    (ids,) = reader.prompts([text])
    passage = read_passage(reader, text, ids)
    kept = {*passage.words[3].places, *passage.words[0].places}
    assert tiny_tokenizer.decode(passage.prune(ids, kept)) == "Instruction: say word\n"
    everything = {place for word in passage.words for place in word.places}
    assert passage.prune(ids, everything) == ids


def test_words_are_compared_without_case_and_outer_punctuation():
    assert plain_word("\"Don't_,") == "don't"
    assert plain_words("Say 'THIS' -- then (that).") == ["say", "this", "then", "that"]


def test_a_tokenizer_without_places_is_refused():
    class Slow:
        name_or_path = "slow/one"

    with pytest.raises(GistevalError, match="the tokenizer of slow/one doesn't say where"):
        token_spans(Slow(), "text")
