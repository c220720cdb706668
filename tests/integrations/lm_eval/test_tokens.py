"""Tokens of tasks' texts, beside those of lm-eval's HFLM."""

from __future__ import annotations

import copy

import pytest
from lm_eval.models.huggingface import HFLM
from tokenizers.processors import TemplateProcessing

from gisteval.errors import GistevalError
from gisteval.integrations.lm_eval.parts import Parts
from gisteval.integrations.lm_eval.tokens import TaskTokens
from gisteval.prompts import Template

PAIRS = [("Say no.", " yes"), ("Say no. ", "yes"), ("twice  ", " no"), ("no", "no"), ("", " yes")]


@pytest.fixture(scope="module", params=[True, False], ids=["start token", "no start token"])
def tokenizer(request, tiny_tokenizer):
    """With and without a start token that is put before every text."""
    own = copy.deepcopy(tiny_tokenizer)
    if request.param:
        own.add_special_tokens({"bos_token": "<s>"})
        own.backend_tokenizer.post_processor = TemplateProcessing(
            single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", own.bos_token_id)]
        )
    return own


def test_pairs_are_split_as_hflm_splits_them(tokenizer, tiny_network) -> None:
    network = tiny_network("llama")
    network.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    peer = HFLM(pretrained=network, tokenizer=tokenizer, device="cpu")
    tokens = TaskTokens(tokenizer, Template(), 0)
    for context, continuation in PAIRS:
        if context:
            expected = peer._encode_pair(context, continuation)
        else:
            expected = ([peer.prefix_token_id], peer.tok_encode(continuation, add_special_tokens=False))
        assert tokens.pair(Parts("", context), continuation) == expected
    written = f"{tokenizer.bos_token or tokenizer.eos_token}say"
    assert tokens.whole(written) == peer.tok_encode(written)


def test_what_follows_a_compressed_part_has_no_start_token(tokenizer) -> None:
    tokens = TaskTokens(tokenizer, Template(), 1)
    context, answer = tokens.pair(Parts("Say no.", " cats "), "yes")
    assert tokenizer.decode(context + answer) == " cats yes" and tokenizer.decode(context) == " cats"
    whole = tokens.prompts(["Say no."])[0]
    assert tokens.template_ends(whole) == (len(whole) - len(tokens.rest("Say no.")), 0)


def test_without_a_start_and_an_end_token_an_empty_context_is_one_line(tiny_tokenizer) -> None:
    bare = copy.deepcopy(tiny_tokenizer)
    bare.eos_token = None
    tokens = TaskTokens(bare, Template(), 1)
    assert tokens.plain(Parts("", "no")) == tokens.rest("no")
    with pytest.raises(GistevalError, match="has no start or end token, so a text that nothing precedes"):
        tokens.plain(Parts("", ""))
