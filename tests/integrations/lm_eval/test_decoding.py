"""Settings of decoding, and stop texts across tokens."""

from __future__ import annotations

import pytest

pytest.importorskip("lm_eval")

from gisteval.errors import GistevalError
from gisteval.integrations.lm_eval.decoding import MAX_NEW_TOKENS, StopTexts, read_decoding


def test_limits_and_stop_texts_are_read() -> None:
    found = read_decoding({"until": ["\n", "", "END"], "max_gen_toks": 7, "temperature": 0.0}, "<end>")
    assert (found.max_new_tokens, set(found.until)) == (7, {"\n", "END", "<end>"})
    assert read_decoding({}, None).max_new_tokens == MAX_NEW_TOKENS


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"do_sample": True, "temperature": 1.0}, "decodes greedily: switch sampling off"),
        ({"num_beams": 4}, "'num_beams' is not supported"),
        ({"max_gen_toks": 0}, "at least 1"),
    ],
)
def test_what_greedy_decoding_can_not_do_is_refused(settings: dict, message: str) -> None:
    with pytest.raises(GistevalError, match=message):
        read_decoding(settings, None)


def test_a_stop_text_is_found_wherever_tokens_cut_it(tiny_tokenizer) -> None:
    stop = StopTexts(tiny_tokenizer, ["word twice"])
    text = "say the first word twice, and then " + "no " * 40
    ids = tiny_tokenizer.encode(text, add_special_tokens=False)
    hits = [end for end in range(1, len(ids) + 1) if stop(ids[:end])]
    assert hits and "word twice" in tiny_tokenizer.decode(ids[: hits[0]])
    assert "word twice" not in tiny_tokenizer.decode(ids[: hits[0] - 1])
    assert not stop(ids)  # far behind it
