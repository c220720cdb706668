"""The adapter of decoder-only models: stock transformers classes, hand-made masks and positions."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from contextlib import AbstractContextManager

import torch
from torch import Tensor
from transformers import PreTrainedModel

from gisteval import masks
from gisteval.errors import GistevalError
from gisteval.masks import CONTINUATION, GIST, PAD, PROMPT, MaskRule
from gisteval.models.running.base import PromptModel
from gisteval.models.running.cache import GrowingCache
from gisteval.models.running.compressed import (
    CompressedPrompt,
    EncoderState,
    Nothing,
    Prefix,
    Tokens,
)
from gisteval.models.running.continuation import LOGIT_BYTES, Continuation, Scored, scores_at_the_end
from gisteval.models.running.families import decoder_refusal
from gisteval.models.running.layer_masks import decoder_body, layer_masks, window_masks
from gisteval.models.running.padding import pad_left, positions
from gisteval.models.running.windows import context_of, effective, layer_windows, text_config
from gisteval.models.text.tokens import PromptTokenizer


class DecoderModel(PromptModel):
    """A decoder-only language model that runs prompts masked or cached.

    Works with the transformers causal models that take a 4D additive mask, explicit `position_ids` and a
    `Cache`; `families` says which don't. windows: what each layer sees before a token.
    """

    def __init__(self, model: PreTrainedModel, tokens: PromptTokenizer, leak_window: int = 0) -> None:
        """See PromptModel."""
        super().__init__(model, tokens, leak_window)
        if (reason := decoder_refusal(model.config.to_dict())) is not None:
            raise GistevalError(f"{model.config.model_type} models are not supported: {reason}")
        config = text_config(model.config)
        self.num_layers: int = config.num_hidden_layers
        self.num_heads: int = config.num_attention_heads
        self.vocab_size: int = config.vocab_size
        self.windows = layer_windows(config)
        self.body = decoder_body(model)
        self.takes_keep = "logits_to_keep" in inspect.signature(type(model).forward).parameters
        context = context_of(config)
        self.context, self.context_limit = context.tokens, context.limit
        # Measured on one token: layers may share their states, or differ in heads and sizes.
        states = [(layer.keys, layer.values) for layer in self._read([[0]]).filled()]
        self.slot_bytes = sum(keys.nbytes + values.nbytes for keys, values in states)

    @torch.inference_mode()
    def encode(self, prompts: Sequence[Sequence[int]], keep: int | None) -> list[Prefix]:
        """Run prompts (token ids, gists included) and keep the last `keep` slots of each layer.

        keep = None keeps all of a prompt's slots. Raises GistevalError for a prompt over the context.
        """
        longest = max(len(ids) for ids in prompts)
        if longest > self.context:
            raise GistevalError(
                f"a prompt of {longest} tokens exceeds the context of {self.context}{self.context_limit}"
            )
        filled = self._read(prompts).filled()
        prefixes = []
        for row, prompt in enumerate(prompts):
            kept = len(prompt) if keep is None else min(keep, len(prompt))
            layers = tuple(
                (
                    layer.keys[row, :, longest - kept :].clone(),
                    layer.values[row, :, longest - kept :].clone(),
                )
                for layer in filled
            )
            size = sum(state.nbytes for pair in layers for state in pair)
            prefixes.append(Prefix(layers, len(prompt), self.account(prompt, kept, size)))
        return prefixes

    @torch.inference_mode()
    def _read(self, prompts: Sequence[Sequence[int]]) -> GrowingCache:
        """The states of left-padded prompts."""
        ids, present = pad_left(prompts, self.device)
        cache, places, width = GrowingCache(self.num_layers), positions(present, 0), ids.shape[1]
        with self.masked(masks.prefill_mask(present, width), places, places, width) as mask:
            self.body(
                input_ids=ids,
                attention_mask=mask,
                position_ids=places,
                past_key_values=cache,
                use_cache=True,
            )
        return cache

    def masked(
        self, mask: Tensor, queries: Tensor, keys: Tensor, length: int
    ) -> AbstractContextManager[Tensor]:
        """What to pass to the model for a mask, (B, Q, K) bool; layers with windows see less.

        queries, keys: positions, (B, Q) and (B, K), all of them below length.
        """
        return window_masks(self.model, mask[:, None], effective(self.windows, length), queries, keys)

    def whole(self, prompts: Sequence[Sequence[int]]) -> list[Prefix]:
        """Every slot, cached: attention is causal, so an input changes nothing before it."""
        return self.encode(prompts, None)

    def run(
        self, prompts: Sequence[CompressedPrompt], continuations: Sequence[Sequence[int]]
    ) -> DecoderContinuation:
        """Prefill inputs (token ids) behind their compressed prompts."""
        return DecoderContinuation(self, self.realise(prompts), continuations)

    @torch.inference_mode()
    def scores(
        self,
        prompts: Sequence[CompressedPrompt],
        inputs: Sequence[Sequence[int]],
        targets: Sequence[Sequence[int]],
    ) -> list[Scored]:
        """Targets (token ids) behind their inputs in one pass; `run` and its `scores` take two."""
        columns = max(map(len, targets))
        if 4 * len(targets) * columns * self.vocab_size > LOGIT_BYTES:
            return self.run(prompts, inputs).scores(targets)
        # A target's last token is predicted, but never read.
        rows = [[*x, *y[:-1]] for x, y in zip(inputs, targets, strict=True)]
        read = DecoderContinuation(self, self.realise(prompts), rows, columns)
        return scores_at_the_end(read.last_columns, targets)

    def realise(self, prompts: Sequence[CompressedPrompt]) -> list[Prefix | Nothing]:
        """Every compressed prompt as cached states: token lists are run, prefixes stay as they are."""
        lists = {prompt.token_ids: prompt for prompt in prompts if isinstance(prompt, Tokens)}
        run = dict(zip(lists, self.encode(list(lists), None), strict=True)) if lists else {}
        states: list[Prefix | Nothing] = []
        for prompt in prompts:
            if isinstance(prompt, EncoderState):
                raise GistevalError("a decoder-only model can't read the states of an encoder")
            states.append(run[prompt.token_ids] if isinstance(prompt, Tokens) else prompt)
        return states

    def start_cache(self, prompts: Sequence[Prefix | Nothing]) -> GrowingCache:
        """The prompts' states, a row each; shorter rows are padded on the left."""
        some = next((prompt for prompt in prompts if isinstance(prompt, Prefix)), None)
        if some is None:
            return GrowingCache(self.num_layers)
        empty = tuple((keys[:, :0], values[:, :0]) for keys, values in some.layers)
        return GrowingCache.from_rows([p.layers if isinstance(p, Prefix) else empty for p in prompts])

    def predictions(
        self,
        prompts: Sequence[Sequence[int]],
        inputs: Sequence[Sequence[int]],
        answers: Sequence[Sequence[int]],
        rule: MaskRule,
    ) -> list[Tensor]:
        """See PromptModel."""
        continuations = [[*x, *y] for x, y in zip(inputs, answers, strict=True)]
        found = self.masked_logits(prompts, continuations, rule)
        return [logits[len(x) - 1 :] for x, logits in zip(inputs, found, strict=True)]

    @torch.inference_mode()
    def masked_logits(
        self,
        prompts: Sequence[Sequence[int]],
        continuations: Sequence[Sequence[int]],
        rule: MaskRule,
    ) -> list[Tensor]:
        """The uncached path: one forward pass over prompt, gists and continuation under a mask.

        Returns per row the logits at the continuation's positions, (len(continuation), vocabulary).
        """
        sequences = [[*p, *c] for p, c in zip(prompts, continuations, strict=True)]
        ids, present = pad_left(sequences, self.device)
        roles = torch.full(ids.shape, PAD, device=self.device)
        for row, (prompt, continuation) in enumerate(zip(prompts, continuations, strict=True)):
            start = ids.shape[1] - len(prompt) - len(continuation)
            end = start + len(prompt)
            roles[row, start:end] = PROMPT
            roles[row, end - self.tokens.count_gists(prompt) : end] = GIST
            roles[row, end:] = CONTINUATION
        with layer_masks(self.model, roles, rule) as mask:
            output = self.model(
                input_ids=ids,
                attention_mask=mask,
                position_ids=positions(present, 0),
                use_cache=False,
                logits_to_keep=max(map(len, continuations)),
            )
        width = output.logits.shape[1]
        return [
            output.logits[row, width - len(continuation) :].float()
            for row, continuation in enumerate(continuations)
        ]


class DecoderContinuation(Continuation):
    """Columns of the cache: [left-padded prefix | left-padded input | what follows].

    Every row keeps its own positions: its input starts at its prompt's `next_position`, wherever the
    padding ends.
    """

    model: DecoderModel

    @torch.inference_mode()
    def __init__(
        self,
        model: DecoderModel,
        prompts: Sequence[Prefix | Nothing],
        continuations: Sequence[Sequence[int]],
        keep: int = 1,
    ) -> None:
        """keep: columns of the prefill whose logits are wanted, as `last_columns`."""
        device = model.device
        cache = model.start_cache(prompts)
        width = cache.length
        slots = torch.tensor([p.slots if isinstance(p, Prefix) else 0 for p in prompts], device=device)
        ids, real = pad_left(continuations, device)
        starts = torch.tensor([p.next_position for p in prompts], device=device)
        lengths = torch.tensor([len(c) for c in continuations], device=device)
        before = torch.arange(width, device=device)[None, :] - width
        self.present = before >= -slots[:, None]
        # The slots that were kept are a prompt's last ones: they stand right before what follows it.
        self.places = (before + starts[:, None]).clamp(min=0)
        super().__init__(model, cache, starts + lengths)
        self.last_columns = self._forward(ids, real, positions(real, starts), keep)
        self.last_logits = self.last_columns[:, -1]

    def rewind(self, length: int) -> None:
        """Forget every column from `length` on."""
        super().rewind(length)
        self.present, self.places = self.present[:, :length], self.places[:, :length]

    def keep_rows(self, rows: Tensor) -> None:
        """Drop all rows but these."""
        super().keep_rows(rows)
        self.present, self.places = self.present[rows], self.places[rows]

    def _forward(self, ids: Tensor, real: Tensor, position_ids: Tensor, keep: int) -> Tensor:
        self.present = torch.cat([self.present, real], dim=1)
        self.places = torch.cat([self.places, position_ids], dim=1)
        mask = masks.prefill_mask(self.present, ids.shape[1])
        length = int(position_ids.max()) + 1 if any(self.model.windows) else 0
        few = {"logits_to_keep": keep} if self.model.takes_keep else {}
        with self.model.masked(mask, position_ids, self.places, length) as additive:
            output = self.model.model(
                input_ids=ids,
                attention_mask=additive,
                position_ids=position_ids,
                past_key_values=self.cache,
                use_cache=True,
                **few,
            )
        logits: Tensor = output.logits[:, -keep:]
        return logits.float()
