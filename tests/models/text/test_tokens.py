"""Token ids of the segments, with and without a beginning token, and the gist token."""

from __future__ import annotations

import copy

import pytest

from gisteval.errors import GistevalError
from gisteval.models.text.tokens import GIST_TOKEN, PromptTokenizer, add_gist_token, find_gist_id
from gisteval.prompts import Template
from gisteval.training.tokenizer import train_tokenizer


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
