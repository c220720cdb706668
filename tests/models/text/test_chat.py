"""A chat model in this process: each reply is the stock model's own, whatever stands beside it."""

from __future__ import annotations

import pytest
import torch
from tiny_families import Family, tiny_model

from gisteval.errors import GistevalError
from gisteval.models.text.chat import ChatModel, ChatReply, chat_identity

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['content'] }}<|im_end|>{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>{% endif %}"
)


def asked(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


@pytest.fixture
def chat(tiny_network, chat_tokenizer):
    """A tiny Llama and its tokenizer, any of a third of whose tokens ends a reply."""
    tokenizer, network = chat_tokenizer(CHATML), tiny_network("llama")
    network.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    network.generation_config.eos_token_id = list(range(0, 300, 3))
    return network, tokenizer


def test_a_judge_may_be_of_a_family_whose_prompts_cannot_be_compressed(tmp_path, chat_tokenizer):
    """It is asked for replies alone, which the stock model generates."""
    template = "{% for m in messages %}<|im_start|>{{ m['content'] }}<|im_end|>{% endfor %}"
    tokenizer = chat_tokenizer(template)
    tiny_model(Family("mamba", "mamba")).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    judge = ChatModel.load(str(tmp_path), "cpu", "float32")
    (reply,) = judge.replies([[{"role": "user", "content": "which is better?"}]], 4)
    assert isinstance(reply, ChatReply)


def test_replies_of_a_batch_are_greedy_choices_of_each_conversation_alone(chat) -> None:
    network, tokenizer = chat
    texts = ["which is better?", "no", "say the first word twice or maybe no " * 3]
    replies = ChatModel(network, tokenizer).replies([asked(text) for text in texts], 8)
    for text, reply in zip(texts, replies, strict=True):
        ids = tokenizer(f"<|im_start|>{text}<|im_end|><|im_start|>", add_special_tokens=False)["input_ids"]
        own: list[int] = []
        with torch.inference_mode():
            while len(own) < 8 and not (own and own[-1] % 3 == 0):
                own.append(int(network(torch.tensor([ids + own])).logits[0, -1].argmax()))
        finished = own[-1] % 3 == 0
        written = tokenizer.decode(own[: len(own) - finished], skip_special_tokens=True).strip()
        assert reply == ChatReply(written, len(ids), len(own), finished)
    assert len({reply.finished for reply in replies}) == 2


def test_a_conversation_over_the_context_is_said_and_the_others_are_answered(chat) -> None:
    network, tokenizer = chat
    long, short = ChatModel(network, tokenizer).replies([asked("no " * 300), asked("no")], 8)
    assert "and a reply of 8 exceed the context of 256" in long
    assert short == ChatModel(network, tokenizer).replies([asked("no")], 8)[0]


def test_a_model_without_a_chat_template_is_one_line_and_weights_decide_the_identity(tiny_suite) -> None:
    folder = tiny_suite / "gist-1"
    with pytest.raises(GistevalError, match="has no chat template: a judge needs a chat model"):
        ChatModel.load(str(folder), "cpu", "float32")
    names = [(folder, "float32"), (folder, "bfloat16"), (tiny_suite / "gist-3", "float32")]
    assert len({chat_identity(str(name), dtype) for name, dtype in names}) == 3
    assert chat_identity(str(folder), "float32") == chat_identity(str(folder), "float32")
