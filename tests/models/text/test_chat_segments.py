"""Prompts by a tokenizer's chat template, against `apply_chat_template` on the whole conversation."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gisteval.compressors.empty import Empty
from gisteval.compressors.full import Full
from gisteval.compressors.gist.gist import Gist
from gisteval.errors import GistevalError
from gisteval.generation.selfcheck import check_cached_path
from gisteval.models.checkpoints.load_checks import warnings
from gisteval.models.running.decoder import DecoderModel
from gisteval.models.text.tokens import PromptTokenizer
from gisteval.prompts import ChatTemplate, as_template
from gisteval.records.schema import Example

CHATML = (
    "{% for m in messages %}{% if loop.first and m.role != 'system' %}"
    "<|im_start|>system\nBe kind.<|im_end|>\n{% endif %}"
    "<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TRIMMED = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n\n{{ m.content | trim }}<|im_end|>{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n\n{% endif %}"
)
BRACKETS = (
    "{% if messages[0].role == 'system' %}"
    "{% set system = '<<SYS>>\n' + messages[0].content + '\n<</SYS>>\n\n' %}"
    "{% set messages = messages[1:] %}{% else %}{% set system = '' %}{% endif %}{% for m in messages %}"
    "{% if m.role == 'user' %}[INST] {{ system if loop.first else '' }}{{ m.content }} [/INST]"
    "{% else %} {{ m.content }} </s>{% endif %}{% endfor %}"
)
NO_SYSTEM = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    + CHATML
)
SYSTEM_LAST = (
    "{% for m in messages if m.role != 'system' %}[{{ m.content }}]{% endfor %}"
    "{% for m in messages if m.role == 'system' %}({{ m.content }}){% endfor %}"
)
SYSTEM_IGNORED = "{% for m in messages if m.role != 'system' %}[{{ m.content }}]{% endfor %}:"

TEMPLATES = {"chatml": CHATML, "trimmed": TRIMMED, "brackets": BRACKETS}
INSTRUCTIONS = ["say", "Say the first word twice.", "  no\n\nmaybe: ", "say {this} [or] that"]
INPUTS = ["cats, dogs and worlds", "", "\n two\nlines ", "{x}"]

forms = pytest.mark.parametrize(("form", "role"), list(itertools.product(TEMPLATES, ("system", "user"))))


@pytest.fixture(scope="module")
def all_tokens(chat_tokenizer):
    """The tokens of each template and role with two gists."""
    return {
        (form, role): PromptTokenizer(chat_tokenizer(text), ChatTemplate(role), 2)
        for form, text in TEMPLATES.items()
        for role in ("system", "user")
    }


def conversation(role: str, instruction: str, text: str) -> list[dict[str, str]]:
    if role == "system":
        return [{"role": "system", "content": instruction}, {"role": "user", "content": text}]
    return [{"role": "user", "content": instruction + ("\n\n" + text if text else "")}]


def stock_ids(tokens, role, instruction, text) -> list[int]:
    return tokens.tokenizer.apply_chat_template(
        conversation(role, instruction, text), add_generation_prompt=True, return_dict=False
    )


def own_ids(tokens, instruction, text) -> list[int]:
    return tokens.prompts([instruction])[0] + tokens.gists + tokens.continuations([text])[0]


@forms
def test_the_parts_are_the_tokens_of_the_whole_conversation(all_tokens, form, role):
    tokens = all_tokens[form, role]
    for instruction, text in itertools.product(INSTRUCTIONS, INPUTS):
        expected = stock_ids(tokens, role, instruction + "<GIST><GIST>", text)
        assert own_ids(tokens, instruction, text) == expected


plain_text = st.text(st.characters(exclude_characters="<", exclude_categories=["Cs", "Co"]), max_size=30)


@given(instruction=plain_text, text=plain_text, form=st.sampled_from(sorted(TEMPLATES)))
def test_any_text_gives_the_tokens_of_the_whole_conversation(all_tokens, instruction, text, form):
    for role in ("system", "user"):
        tokens = all_tokens[form, role]
        expected = stock_ids(tokens, role, instruction + "<GIST><GIST>", text)
        assert own_ids(tokens, instruction, text) == expected


@pytest.mark.parametrize("form", ["chatml", "trimmed"])
def test_without_gists_a_mark_of_the_template_keeps_the_parts_apart(chat_tokenizer, form):
    tokens = PromptTokenizer(chat_tokenizer(TEMPLATES[form]), ChatTemplate("system"), 0)
    instruction, text = "Say the first word twice.", "cats, dogs"
    assert own_ids(tokens, instruction, text) == stock_ids(tokens, "system", instruction, text)


@forms
@pytest.mark.parametrize("data", ["say <|im_end|> twice", "</s>", "<GIST><GIST>", "a<|im_start|>system\nb"])
def test_special_tokens_written_in_the_data_stay_text(all_tokens, form, role, data):
    tokens = all_tokens[form, role]
    special = set(tokens.tokenizer.all_special_ids)

    def marks(ids):
        return [token for token in ids if token in special]

    for whole, empty in (
        (tokens.prompts([data])[0], tokens.prompts(["say"])[0]),
        (tokens.continuations([data])[0], tokens.continuations(["say"])[0]),
        (tokens.targets([data])[0], tokens.targets(["say"])[0]),
    ):
        assert marks(whole) == marks(empty)
        assert data in tokens.tokenizer.decode(whole)


def test_text_around_a_special_token_in_the_data_is_tokenised_as_ever(all_tokens):
    tokens = all_tokens["chatml", "system"]
    (found,) = tokens.continuations(["no <|im_end|>"])
    text = tokens.tokenizer.decode(found)
    assert text == "<|im_end|>\n<|im_start|>user\nno <|im_end|><|im_end|>\n<|im_start|>assistant\n"


def test_the_instruction_may_be_the_first_user_message(all_tokens):
    tokens = all_tokens["chatml", "user"]
    head = "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\n"
    decode = tokens.tokenizer.decode
    assert decode(tokens.prompts(["say"])[0]) == head + "say"
    framing = len(tokens.tokenizer(head)["input_ids"])
    assert tokens.template_tokens == framing
    assert tokens.template_ends(tokens.prompts(["say"])[0]) == (framing, 0)
    tail = "<|im_end|>\n<|im_start|>assistant\n"
    assert [decode(ids) for ids in tokens.continuations(["cats", ""])] == ["\n\ncats" + tail, tail]


def test_an_answer_ends_with_what_ends_the_templates_turn(all_tokens, chat_tokenizer):
    ends = {form: all_tokens[form, "user"].targets(["yes"])[0][-1] for form in TEMPLATES}
    named = {form: all_tokens[form, "user"].tokenizer.convert_ids_to_tokens(ends[form]) for form in ends}
    assert named == {"chatml": "<|im_end|>", "trimmed": "<|im_end|>", "brackets": "</s>"}
    bare = PromptTokenizer(
        chat_tokenizer("{% for m in messages %}[{{ m.content }}]{% endfor %}:"), ChatTemplate("user"), 1
    )
    assert bare.targets(["yes"])[0][-1] == bare.tokenizer.eos_token_id


@pytest.mark.parametrize(
    ("template", "role", "message"),
    [
        (None, "user", "has no chat template: leave --chat-template out"),
        (NO_SYSTEM, "system", r"does not render \(System role not supported\).*try --chat-template user"),
        (SYSTEM_LAST, "system", "does not let the instruction be a prefix.*try --chat-template user"),
        (SYSTEM_IGNORED, "system", "does not let the instruction be a prefix"),
        ("{{ nonsense() }}", "user", "does not render"),
        ("Hello:", "user", "does not let the instruction be a prefix"),
    ],
)
def test_a_template_that_will_not_do_is_refused(chat_tokenizer, template, role, message):
    with pytest.raises(GistevalError, match=message):
        PromptTokenizer(chat_tokenizer(template), ChatTemplate(role), 1)


def test_a_template_without_system_messages_takes_the_instruction_from_the_user(chat_tokenizer):
    tokens = PromptTokenizer(chat_tokenizer(NO_SYSTEM), ChatTemplate("user"), 1)
    assert own_ids(tokens, "say", "cats") == stock_ids(tokens, "user", "say<GIST>", "cats")


def test_an_encoder_decoder_takes_no_chat_template(chat_tokenizer):
    with pytest.raises(GistevalError, match="takes no chat template"):
        PromptTokenizer(chat_tokenizer(CHATML), ChatTemplate("user"), 1, closes_input=True)


def test_a_role_that_does_not_exist_is_refused():
    with pytest.raises(GistevalError, match="chat-template must be system or user, not 'assistant'"):
        ChatTemplate("assistant")


def test_the_role_is_read_back_from_gist_json():
    assert as_template(ChatTemplate("system").to_dict()) == ChatTemplate("system")


@forms
@pytest.mark.parametrize("compressor", [Gist(), Full(), Empty()])
def test_cached_path_equals_masked_path(chat_model, form, role, compressor):
    model = chat_model(form, role)
    examples = [
        Example(str(n), "tiny", "test", t, x, "yes no")
        for n, (t, x) in enumerate(itertools.product(INSTRUCTIONS, INPUTS))
    ]
    check = check_cached_path(model, compressor, None, examples)
    assert check.max_nll_difference <= 1e-4
    assert check.greedy_mismatches == 0


@forms
def test_a_right_chat_model_gives_no_warning(chat_model, form, role):
    assert list(warnings(chat_model(form, role), trained_here=True)) == []


def test_tokens_that_differ_where_no_gist_stands_between_are_told_of(chat_model):
    model = chat_model("chatml", "user").with_gists(0, 0)
    stock = model.tokens.segments.together
    model.tokens.segments.together = lambda *texts: [*stock(*texts), 0]
    assert any(
        "splits instruction and input otherwise" in line for line in warnings(model, trained_here=False)
    )


@pytest.fixture(scope="module")
def chat_model(tiny_network, all_tokens):
    def make(form: str, role: str) -> DecoderModel:
        tokens = all_tokens[form, role]
        network = tiny_network("llama")
        network.resize_token_embeddings(len(tokens.tokenizer), mean_resizing=False)
        return DecoderModel(network, tokens)

    return make
