"""A chat model in this process, greedy: conversations in, replies out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from gisteval.errors import GistevalError, one_line
from gisteval.models.checkpoints.checkpoint import Checkpoint, inspect_checkpoint
from gisteval.models.checkpoints.loading import load_tokenizer, load_weights, resolve
from gisteval.models.checkpoints.placement import DTYPES, choose_device, choose_dtype
from gisteval.models.running.padding import pad_left
from gisteval.models.running.windows import context_of
from gisteval.models.text.chat_templates import TemplateFailed, render
from gisteval.models.text.tokens import keep_tags
from gisteval.records.schema import digest
from gisteval.thinking import PAIRS, opened


@dataclass(frozen=True, slots=True)
class ChatReply:
    """A reply and the tokens it took.

    Attributes:
        text: The reply. A thought that the chat template opens is a part of it, its tag included.
        prompt_tokens: Tokens of the conversation.
        completion_tokens: Tokens of the reply.
        finished: Whether an end token ended it, and not the limit.
    """

    text: str
    prompt_tokens: int
    completion_tokens: int
    finished: bool


class ChatModel:
    """A decoder-only model whose tokenizer has a chat template."""

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        self._model, self._tokenizer = model, tokenizer

    @classmethod
    def load(cls, name: str, device: str, dtype: str) -> ChatModel:
        """Load a folder or hub name. Raises GistevalError if it is not a chat model."""
        checkpoint = _checkpoint(name)
        tokenizer = load_tokenizer(checkpoint)
        if not tokenizer.chat_template:
            raise GistevalError(f"{checkpoint.path} has no chat template: a judge needs a chat model")
        place = choose_device(device)
        model = load_weights(checkpoint, tokenizer, choose_dtype(dtype, place)).to(place).eval()
        return cls(model, tokenizer)

    @torch.inference_mode()
    def replies(
        self, conversations: Sequence[Sequence[dict[str, str]]], max_new_tokens: int
    ) -> list[ChatReply | str]:
        """Greedy replies to a batch; where a conversation exceeds the context, a text that says so."""
        texts = [self._text(conversation) for conversation in conversations]
        prompts = self._tokenizer(texts, add_special_tokens=False)["input_ids"]
        counts = [len(ids) for ids in prompts]
        context = context_of(self._model.config)
        fits = [count + max_new_tokens <= context.tokens for count in counts]
        replies: list[ChatReply | str] = [
            f"{count} tokens and a reply of {max_new_tokens} exceed the context of {context.tokens}"
            f"{context.limit}"
            for count in counts
        ]
        places = [index for index, fit in enumerate(fits) if fit]
        if not places:
            return replies
        ends = self._ends()
        ids, present = pad_left([prompts[index] for index in places], self._model.device)
        settings = GenerationConfig(
            max_new_tokens=max_new_tokens,
            do_sample=False,
            eos_token_id=ends or None,
            # Rows that are done are fed it: the tokenizer's own may lie beyond the embeddings.
            pad_token_id=ends[0] if ends else 0,
        )
        generated = self._model.generate(
            input_ids=ids, attention_mask=present.long(), generation_config=settings
        )
        for index, row in zip(places, generated[:, ids.shape[1] :].tolist(), strict=True):
            stop = next((place for place, token in enumerate(row) if token in ends), None)
            text = opened(texts[index], PAIRS) + keep_tags(self._tokenizer, row[:stop], PAIRS)
            tokens = len(row) if stop is None else stop + 1
            replies[index] = ChatReply(text.strip(), counts[index], tokens, stop is not None)
        return replies

    def _ends(self) -> list[int]:
        """The tokens that end a reply."""
        ends = self._model.generation_config.eos_token_id or self._tokenizer.eos_token_id
        return [ends] if isinstance(ends, int) else list(ends or [])

    def _text(self, conversation: Sequence[dict[str, str]]) -> str:
        try:
            return render(self._tokenizer, conversation, add_generation_prompt=True)
        except TemplateFailed as error:
            raise GistevalError(
                f"{self._tokenizer.name_or_path}: its chat template can't be used ({one_line(error)})"
            ) from error


def chat_identity(name: str, dtype: str) -> str:
    """Digest of the weights and tokenizer behind a name, and of the dtype they are run in."""
    checkpoint = _checkpoint(name)
    return digest([checkpoint.weights_digest(), checkpoint.tokenizer_digest(), str(DTYPES[dtype])])


def _checkpoint(name: str) -> Checkpoint:
    path = resolve(name)
    try:
        return inspect_checkpoint(path, generates_only=True)
    except OSError as error:
        raise GistevalError(f"{path}: {one_line(error)}") from error
