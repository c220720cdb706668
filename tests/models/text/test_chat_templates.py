"""Chat templates in their own process: what transformers itself makes, and an end to all else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gisteval.models.text import chat_templates
from gisteval.models.text.chat_templates import TemplateFailed, render

CHATML = (
    "{{ eos_token }}{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% generation %}{{ message['content'] | trim }}{% endgeneration %}{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
    "{% if enable_thinking is defined and not enable_thinking %}<think></think>{% endif %}{% endif %}"
)
TALK = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "x"}]


@pytest.fixture(scope="module")
def impatient() -> Iterator[None]:
    """A process that waits for less long. It takes seconds to start, so these tests share it."""
    process = chat_templates._RenderingProcess()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chat_templates, "_process", process)
        patch.setattr(chat_templates, "SECONDS", 0.3)
        yield
    process.close()


@settings(max_examples=30)
@given(st.text(), st.text())
def test_the_text_is_that_of_transformers(chat_tokenizer, instruction: str, question: str) -> None:
    tokenizer = chat_tokenizer(CHATML)
    talk = [{"role": "system", "content": instruction}, {"role": "user", "content": question}]
    for options in ({"add_generation_prompt": True, "enable_thinking": False}, {}):
        own = tokenizer.apply_chat_template(talk, tokenize=False, **options)
        assert render(tokenizer, talk, **options) == own
    ended = {"continue_final_message": True}
    if question.strip():
        own = tokenizer.apply_chat_template(talk, tokenize=False, **ended)
        assert render(tokenizer, talk, **ended) == own


@pytest.mark.parametrize(
    "template",
    [
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "{% if messages[1].content == 'x' %}{{ 9 ** (9 ** 9) }}{% endif %}",
        "{{ 'a' * 10 ** 10 }}",
        "{{ 'a' * 10 ** 8 }}",
        "{{ '%999999999d' % 1 }}",
        "{% macro again() %}{{ again() }}{{ again() }}{% endmacro %}{{ again() }}",
        "{{ messages.__class__.__mro__[1].__subclasses__() }}",
        "{% for i in range(10 ** 9) %}{% endfor %}",
        "{{ raise_exception('no system message') }}",
        "{{ messages[7].content.x }}",
        "{% broken",
    ],
)
def test_what_does_not_render_ends(template: str, chat_tokenizer, impatient) -> None:
    with pytest.raises(TemplateFailed, match=r"."):
        render(chat_tokenizer(template), TALK)
    assert render(chat_tokenizer("fine{{ messages[0].content }}"), TALK) == "fineBe brief."


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_a_template_sees_no_key(chat_tokenizer, monkeypatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted")
    rendering = chat_templates._RenderingProcess()  # started with the key there
    monkeypatch.setattr(chat_templates, "_process", rendering)
    render(chat_tokenizer("{{ messages }}"), TALK)
    with open(f"/proc/{rendering._process.pid}/environ", "rb") as stream:
        assert b"sk-planted" not in stream.read()
    rendering.close()


def test_several_templates_without_a_default(chat_tokenizer) -> None:
    tokenizer = chat_tokenizer({"one": "a", "two": "b"})
    with pytest.raises(TemplateFailed, match="multiple chat templates"):
        render(tokenizer, TALK)
    tokenizer.chat_template["default"] = "c"
    assert render(tokenizer, TALK) == "c"
