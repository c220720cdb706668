"""What every model is to the rest: something that runs inputs behind compressed or masked prompts."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Self

from torch import Tensor
from transformers import PreTrainedModel

from gisteval.masks import MaskRule
from gisteval.models.checkpoints.placement import input_device, quantization_of
from gisteval.models.running.compressed import Accounting, CompressedPrompt
from gisteval.models.running.continuation import Continuation
from gisteval.models.text.tokens import PromptTokenizer
from gisteval.records.schema import Example


class PromptModel(ABC):
    """A stock transformers model with the tokenizer, template and k of its checkpoint.

    An adapter says what its architecture needs: how prompts are encoded, how inputs run behind them and
    what one masked pass gives. context: longest sequence in tokens; context_limit: what sets it, in
    brackets for a message, and empty if it is the model's own; slot_bytes: of one cached token; end_ids:
    tokens that end an answer; suppressed_ids: tokens that are never produced.
    """

    context: int
    context_limit: str = ""
    slot_bytes: int

    def __init__(self, model: PreTrainedModel, tokens: PromptTokenizer, leak_window: int = 0) -> None:
        """model: in evaluation mode on its device, or spread over several by accelerate.

        tokens: its tokenizer, template and k.

        leak_window: prompt tokens before the gists that it was trained to see beside them.
        """
        self.model = model
        self.tokens = tokens
        self.leak_window = leak_window
        self.device = input_device(model)
        self.dtype = model.dtype
        self.quantized = quantization_of(model)
        tokens.rows = int(model.get_input_embeddings().weight.shape[0])
        suppressed = {tokens.gist_id, tokens.tokenizer.pad_token_id} - {None}
        self.end_ids = _end_ids(model, tokens)
        # A token without a row of the output matrix is never produced: a padding token may lie beyond it.
        head = model.get_output_embeddings()
        logits = tokens.rows if head is None else int(head.weight.shape[0])
        self.suppressed_ids = sorted(i for i in suppressed - self.end_ids if i is not None and i < logits)

    @abstractmethod
    def encode(self, prompts: Sequence[Sequence[int]], keep: int | None) -> Sequence[CompressedPrompt]:
        """Run prompts (token ids, gists included) on their own and keep the last `keep` slots of each.

        keep = None keeps all of a prompt's slots. Raises GistevalError for a prompt over the context.
        """

    @abstractmethod
    def whole(self, prompts: Sequence[Sequence[int]]) -> Sequence[CompressedPrompt]:
        """The uncompressed prompts, in the cheapest form that changes nothing of what a model computes."""

    @abstractmethod
    def run(
        self, prompts: Sequence[CompressedPrompt], continuations: Sequence[Sequence[int]]
    ) -> Continuation:
        """Prefill inputs (token ids) behind their compressed prompts, ready for `nll` and `decode`."""

    @abstractmethod
    def predictions(
        self,
        prompts: Sequence[Sequence[int]],
        inputs: Sequence[Sequence[int]],
        answers: Sequence[Sequence[int]],
        rule: MaskRule,
    ) -> list[Tensor]:
        """The uncached path: one pass over whole prompts (gists included) and inputs under a mask.

        Returns per row the logits, (len(answer) + 1, vocabulary) float32: row i predicts answer[i], the
        last one what follows.
        """

    def account(self, prompt: Sequence[int], kept: int, size: int) -> Accounting:
        """Accounting of a prompt (token ids, gists included) of which the last `kept` slots stay.

        size: bytes of what is stored.
        """
        gists = self.tokens.count_gists(prompt)
        source = prompt[: len(prompt) - gists]
        head, tail = self.tokens.template_ends(source)
        kept_head, kept_tail = max(0, head + kept - len(prompt)), min(tail, max(0, kept - gists))
        return Accounting(len(source), head + tail, kept, size, kept_head + kept_tail)

    def open(self, prompts: Sequence[CompressedPrompt], inputs: Sequence[str]) -> Continuation:
        """`run` on texts."""
        return self.run(prompts, self.tokens.continuations(inputs))

    def fitting(self, examples: Sequence[Example], positions: Sequence[int] | None = None) -> list[Example]:
        """Those whose prompt, input and reference together stay within the context.

        positions: what each compressed prompt takes up; None for the whole prompt with its gists.
        """
        lengths = self.tokens.lengths(examples)
        if positions is None:
            positions = [prompt + self.tokens.k for prompt, _, _ in lengths]
        return [
            example
            for example, taken, (_, x, y) in zip(examples, positions, lengths, strict=True)
            if taken + x + y <= self.context
        ]

    def generate(
        self, prompts: Sequence[CompressedPrompt], inputs: Sequence[str], max_new_tokens: int
    ) -> list[str]:
        """Greedy continuations as text."""
        decoded = self.open(prompts, inputs).decode(max_new_tokens)
        return [self.tokens.decode(answer.token_ids) for answer in decoded]

    def score(
        self, prompts: Sequence[CompressedPrompt], inputs: Sequence[str], outputs: Sequence[str]
    ) -> list[Tensor]:
        """Negative log-likelihood (nats) of every token of each reference, its end token included."""
        return self.open(prompts, inputs).nll(self.tokens.targets(outputs))

    def with_gists(self, k: int, leak_window: int) -> Self:
        """The same weights read with another number of gist tokens."""
        return type(self)(self.model, self.tokens.with_gists(k), leak_window)

    def endless(self) -> Self:
        """The same model, whose rows never stop at an end token."""
        other = copy.copy(self)
        other.end_ids = {-1}  # no token
        return other


def _end_ids(model: PreTrainedModel, tokens: PromptTokenizer) -> set[int]:
    ends = model.generation_config.eos_token_id if model.generation_config else None
    found = {ends} if isinstance(ends, int) else set(ends or [])
    return found | ({tokens.tokenizer.eos_token_id, tokens.segments.end_id} - {None})
