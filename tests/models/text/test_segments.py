"""Parts of a prompt, each tokenised alone: where start and end tokens stand, and what stays text."""

from __future__ import annotations

import copy

import pytest
from tokenizers.processors import TemplateProcessing

from gisteval.errors import GistevalError
from gisteval.models.text.segments import PlainSegments, prefix_of
from gisteval.models.text.tokens import PromptTokenizer
from gisteval.prompts import Template


@pytest.fixture
def bos_tokenizer(tiny_tokenizer):
    """The tiny tokenizer with a beginning token that it adds to every text, as Llama's does."""
    tokenizer = copy.deepcopy(tiny_tokenizer)
    tokenizer.add_special_tokens({"bos_token": "<s>"})
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", tokenizer.bos_token_id)]
    )
    return tokenizer


def test_targets_end_with_the_end_token(tiny_tokenizer):
    tokens = PromptTokenizer(tiny_tokenizer, Template(), 1)
    targets = tokens.targets(["yes", ""])
    assert [ids[-1] for ids in targets] == [tiny_tokenizer.eos_token_id] * 2
    assert tiny_tokenizer.decode(targets[0][:-1]) == " yes"


def test_targets_of_a_tokenizer_without_end_token(tiny_tokenizer):
    tokenizer = copy.deepcopy(tiny_tokenizer)
    tokenizer.eos_token = None
    assert tokenizer.decode(PromptTokenizer(tokenizer, Template(), 1).targets(["yes"])[0]) == " yes"


def test_only_prompts_begin_with_the_beginning_token(bos_tokenizer, tiny_tokenizer):
    plain = PromptTokenizer(tiny_tokenizer, Template(), 1)
    tokens = PromptTokenizer(bos_tokenizer, Template(), 1)
    assert tokens.prompts(["say"]) == [[bos_tokenizer.bos_token_id, *plain.prompts(["say"])[0]]]
    assert tokens.continuations(["cats"]) == plain.continuations(["cats"])
    assert tokens.targets(["yes"]) == plain.targets(["yes"])
    assert tokens.template_tokens == plain.template_tokens + 1


def test_every_token_that_begins_a_text_is_kept_and_none_that_ends_it(bos_tokenizer, tiny_tokenizer):
    """GLM's tokenizers begin with two, BERT's end with one."""
    tokenizer = copy.deepcopy(bos_tokenizer)
    tokenizer.add_special_tokens(
        {"additional_special_tokens": ["[gMASK]"]}, replace_extra_special_tokens=False
    )
    first, second = tokenizer.convert_tokens_to_ids(["[gMASK]", "<s>"])
    end = tokenizer.eos_token
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"[gMASK] <s> $A {end}",
        pair=f"[gMASK] <s> $A $B {end}",
        special_tokens=[("[gMASK]", first), ("<s>", second), (end, tokenizer.eos_token_id)],
    )
    tokens, plain = (PromptTokenizer(each, Template(), 1) for each in (tokenizer, tiny_tokenizer))
    assert tokens.prompts(["say"]) == [[first, second, *plain.prompts(["say"])[0]]]
    assert tokens.continuations(["cats"]) == plain.continuations(["cats"])
    text = Template().prompt("say")
    assert [*tokens.prompts(["say"])[0], tokenizer.eos_token_id] == tokenizer(text)["input_ids"]


def test_a_beginning_token_that_is_not_added_to_texts_is_not_added_here(tiny_tokenizer):
    tokenizer = copy.deepcopy(tiny_tokenizer)
    tokenizer.add_special_tokens({"bos_token": "<s>"})
    prompt = PromptTokenizer(tokenizer, Template(), 1).prompts(["say"])[0]
    assert tokenizer.bos_token_id not in prompt


def test_no_texts_are_no_rows(tiny_tokenizer):
    tokens = PromptTokenizer(tiny_tokenizer, Template(), 1)
    assert tokens.prompts([]) == tokens.continuations([]) == tokens.targets([]) == []


@pytest.mark.parametrize("text", ["say <GIST> twice", "say </s> and stop", "<pad>"])
def test_special_tokens_written_in_a_text_stay_text(tiny_tokenizer, text):
    tokens = PromptTokenizer(tiny_tokenizer, Template(), 1)
    special = set(tiny_tokenizer.all_special_ids)
    for ids in (*tokens.prompts([text]), *tokens.continuations([text]), tokens.targets([text])[0][:-1]):
        assert not special & set(ids)
        assert text in tiny_tokenizer.decode(ids)


def test_the_output_part_may_be_empty_only_where_an_end_token_closes_the_input(tiny_tokenizer):
    """An example without input would have no token behind which the answer could start."""
    with pytest.raises(GistevalError, match="template part 'output' must not be empty"):
        PromptTokenizer(tiny_tokenizer, Template(output=""), 1)
    tokens = PromptTokenizer(tiny_tokenizer, Template(output=""), 1, closes_input=True)
    end = tiny_tokenizer.eos_token_id
    assert tokens.continuations([""]) == [[end]]
    assert tiny_tokenizer.decode(tokens.continuations(["cats"])[0]) == "\nInput: cats</s>"
    assert tokens.with_gists(3).continuations(["cats"]) == tokens.continuations(["cats"])
    assert tokens.with_gists(3).gists == tokens.gists * 3


def test_the_frame_is_the_prompt_without_its_instruction(bos_tokenizer):
    template = Template(instruction="Do this: {instruction} now\n")
    segments = PlainSegments(bos_tokenizer, template, False)
    head, tail = segments.frame()
    assert head[:1] == prefix_of(bos_tokenizer) == [bos_tokenizer.bos_token_id]
    assert bos_tokenizer.decode(head[1:]) == "Do this: " and bos_tokenizer.decode(tail) == " now\n"
    prompt, continuation = segments.texts("say", "cats")
    whole = segments.together("say", "<GIST>", "cats")
    assert bos_tokenizer.decode(whole) == f"<s>{prompt}<GIST>{continuation}"
