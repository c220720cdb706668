"""Token ids of the segments, with and without a beginning token, and the gist token."""

from __future__ import annotations

import copy

import pytest
from tokenizers.processors import TemplateProcessing

from gisteval.errors import GistevalError
from gisteval.models.text.tokens import GIST_TOKEN, PromptTokenizer, add_gist_token, find_gist_id
from gisteval.prompts import Template
from gisteval.training.tokenizer import train_tokenizer


@pytest.fixture
def bos_tokenizer(tiny_tokenizer):
    """The tiny tokenizer with a beginning token that it adds to every text, as Llama's does."""
    tokenizer = copy.deepcopy(tiny_tokenizer)
    tokenizer.add_special_tokens({"bos_token": "<s>"})
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", tokenizer.bos_token_id)]
    )
    return tokenizer


def test_segments_join_to_the_text_of_the_template(tiny_tokenizer):
    tokens = PromptTokenizer(tiny_tokenizer, Template(), 2)
    ids = tokens.prompts(["say the first word"])[0]
    ids += tokens.gists + tokens.continuations(["cats"])[0] + tokens.targets(["yes"])[0]
    assert tiny_tokenizer.decode(ids) == (
        "Instruction: say the first word\n<GIST><GIST>\nInput: cats\nOutput: yes</s>"
    )


def test_an_empty_input_drops_its_line(tiny_tokenizer):
    tokens = PromptTokenizer(tiny_tokenizer, Template(), 1)
    assert [tiny_tokenizer.decode(ids) for ids in tokens.continuations(["", "cats"])] == [
        "\nOutput:",
        "\nInput: cats\nOutput:",
    ]


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


def test_a_tokenizer_without_gist_token_serves_no_gist_checkpoint(tiny_tokenizer):
    tokenizer = copy.deepcopy(tiny_tokenizer)
    vocabulary = tokenizer.get_vocab()
    vocabulary.pop(GIST_TOKEN)
    tokenizer.get_vocab = lambda: vocabulary
    with pytest.raises(GistevalError, match="has no <GIST> token: this is not a gist checkpoint"):
        PromptTokenizer(tokenizer, Template(), 1)
    plain = PromptTokenizer(tokenizer, Template(), 0)
    assert plain.gists == []
    assert plain.gist_id is None


@pytest.mark.parametrize(
    ("k", "text", "gists", "counted"),
    [
        (2, "say", 2, 2),
        (1, "say <GIST> twice", 1, 1),
        (1, "say <GIST> twice", 0, 0),
        (3, "say", 2, 0),
        (0, "say <GIST>", 0, 0),
    ],
)
def test_gists_are_known_by_those_at_the_end(tiny_tokenizer, k, text, gists, counted):
    tokens = PromptTokenizer(tiny_tokenizer, Template(), k)
    prompt = tokens.prompts([text])[0] + [tokens.gist_id] * gists
    assert tokens.are_gists(prompt) == [False] * (len(prompt) - counted) + [True] * counted


@pytest.mark.parametrize("text", ["say <GIST> twice", "say </s> and stop", "<pad>"])
def test_special_tokens_written_in_a_text_stay_text(tiny_tokenizer, text):
    tokens = PromptTokenizer(tiny_tokenizer, Template(), 1)
    special = set(tiny_tokenizer.all_special_ids)
    for ids in (*tokens.prompts([text]), *tokens.continuations([text]), tokens.targets([text])[0][:-1]):
        assert not special & set(ids)
        assert text in tiny_tokenizer.decode(ids)


def test_decoded_text_has_no_special_tokens_and_no_outer_space(tiny_tokenizer):
    tokens = PromptTokenizer(tiny_tokenizer, Template(), 1)
    ids = tiny_tokenizer("  yes, no \n", add_special_tokens=False)["input_ids"]
    assert tokens.decode([*ids, tiny_tokenizer.eos_token_id, tiny_tokenizer.pad_token_id]) == "yes, no"


def test_adding_the_gist_token_keeps_what_is_there():
    tokenizer = train_tokenizer(["say the first word"] * 3, 290)
    before = find_gist_id(tokenizer)
    assert add_gist_token(tokenizer) == before == len(tokenizer) - 1
    tokenizer.add_special_tokens({"additional_special_tokens": ["<other>"]})
    add_gist_token(tokenizer)
    ids = tokenizer("say<other><GIST>", add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids) == "say<other><GIST>"
    assert tokenizer.decode(ids, skip_special_tokens=True) == "say"


def test_adding_the_gist_token_leaves_other_special_tokens_special(tiny_tokenizer):
    tokenizer = copy.deepcopy(tiny_tokenizer)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|turn|>"]})
    add_gist_token(tokenizer)
    assert {"<|turn|>", GIST_TOKEN} <= set(tokenizer.all_special_tokens)


def test_default_template_is_the_form_of_the_paper():
    template = Template()
    text = template.prompt("Translate {this}") + template.continuation("a cat") + template.answer("un chat")
    assert text == "Instruction: Translate {this}\n\nInput: a cat\nOutput: un chat"
    assert template.continuation("") == "\nOutput:"
    assert Template(**template.to_dict()) == template


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("instruction", "Instruction:"),
        ("input", "{instruction}"),
        ("target", "{output} {input}"),
        ("instruction", "{instruction} {}"),
        ("input", "{input.real}"),
        ("target", "{output"),
        ("target", "{output} }"),
    ],
)
def test_a_template_part_must_hold_its_own_field_and_no_other(part, text):
    with pytest.raises(GistevalError, match=f"template part '{part}' must contain"):
        Template(**{part: text})


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
