"""What every model is to the rest: something that runs inputs behind compressed or masked prompts."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor
from transformers import PreTrainedModel

from gisteval.masks import CONTINUATION, GIST, PAD, PROMPT, MaskRule
from gisteval.models.checkpoints.placement import input_device, quantization_of
from gisteval.models.running.compressed import (
    Accounting,
    CompressedPrompt,
    Kept,
    Nothing,
    Prefix,
    Selection,
)
from gisteval.models.running.continuation import Continuation
from gisteval.models.running.observe import Select
from gisteval.models.text.tokens import PromptTokenizer
from gisteval.records.budget import round_half_up
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
    def encode(
        self,
        prompts: Sequence[Sequence[int]],
        keep: int | None = None,
        *,
        select: Select | None = None,
        behind: Sequence[Prefix | Nothing] | None = None,
    ) -> Sequence[CompressedPrompt]:
        """Run prompts on their own and keep some of their slots.

        Args:
            prompts: token ids, gists included.
            keep: the last so many slots of each prompt are kept; None for all.
            select: says in place of `keep` which tokens a layer keeps. It is called once a layer while the
                layer runs (again for prompts that run apart), so the full states of one layer are alive at
                a time.
            behind: a prompt for each prompt that runs before it: its slots are seen, its positions go on.
                The result holds the new prompt's slots alone; `join` puts both together.

        Raises:
            GistevalError: a prompt over the context, or something that the architecture can't do.
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
        rule: MaskRule | Selection,
    ) -> list[Tensor]:
        """The uncached path: one pass over whole prompts (gists included) and inputs under a mask.

        Args:
            prompts: token ids, a row each.
            inputs: token ids of what follows each prompt.
            answers: token ids behind each input.
            rule: what inputs and answers see of the prompt. A selection names, a row and layer, the indices
                of the prompt's own tokens that each key-value head keeps, (kv heads, slots).

        Returns:
            A row's logits, (len(answer) + 1, vocabulary) float32: number i predicts answer[i], the last one
            what follows.
        """

    def prompt_roles(self, prompt: Sequence[int]) -> list[int]:
        """The role (see `masks`) of each token of a prompt, wherever its gists stand."""
        return [GIST if is_gist else PROMPT for is_gist in self.tokens.are_gists(prompt)]

    def roles_before(self, prompts: Sequence[Sequence[int]], width: int, present: Tensor) -> Tensor:
        """The roles, (rows, columns), of left-padded prompts and of what stands behind them.

        width: columns of the prompts. present: (rows, columns) bool, the tokens behind.
        """
        roles = torch.full((len(prompts), width), PAD)
        for row, prompt in enumerate(prompts):
            roles[row, width - len(prompt) :] = torch.tensor(self.prompt_roles(prompt))
        return torch.cat([roles.to(self.device), torch.where(present, CONTINUATION, PAD)], dim=1)

    def row_bytes(self, tokens: int, queries: int | None = None) -> int:
        """Memory that one row of a batch takes, as far as it grows with the row's length.

        Here: what the cache holds. Adapters add the mask and what attention works with.

        Args:
            tokens: all tokens that the row comes to hold.
            queries: how many of them run at a time; None for all.
        """
        return tokens * self.slot_bytes

    def account(self, prompt: Sequence[int], kept: int, size: int) -> Accounting:
        """Accounting of a prompt (token ids, gists included) of which the last `kept` slots stay.

        size: bytes of what is stored.
        """
        is_template = self.template_places(prompt)
        stays = sum(is_template[len(prompt) - kept :]) if kept else 0
        return Accounting(self._source_tokens(prompt), sum(is_template), kept, size, stays)

    def account_selected(self, prompt: Sequence[int], kept: Kept, size: int, start: int = 0) -> Accounting:
        """Accounting of a prompt of which each layer and head keeps its own tokens.

        How many of those are the template's differs from head to head, and so may how many there are. The
        rounded means are counted.

        Args:
            prompt: token ids, gists included.
            kept: positions, a LongTensor a layer, (kv heads, slots).
            size: bytes of what is stored.
            start: position of the prompt's first token.
        """
        is_template = torch.tensor(self.template_places(prompt), dtype=torch.float64)
        own = [layer.cpu() for layer in kept]
        counts = torch.cat([(layer >= 0).sum(dim=1) for layer in own])
        shares = torch.cat(
            [(is_template[(layer - start).clamp(min=0)] * (layer >= 0)).sum(dim=1) for layer in own]
        )
        return Accounting(
            self._source_tokens(prompt),
            int(is_template.sum()),
            round_half_up(float(counts.double().mean())),
            size,
            round_half_up(float(shares.mean())),
        )

    def template_places(self, prompt: Sequence[int]) -> list[bool]:
        """Whether each token of a prompt is the template's; gists are not."""
        roles = self.prompt_roles(prompt)
        source = [place for place, role in enumerate(roles) if role == PROMPT]
        head, tail = self.tokens.template_ends([prompt[place] for place in source])
        is_template = [False] * len(prompt)
        for place in (*source[:head], *source[len(source) - tail :]):
            is_template[place] = True
        return is_template

    def _source_tokens(self, prompt: Sequence[int]) -> int:
        return self.prompt_roles(prompt).count(PROMPT)

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
