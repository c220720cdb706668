"""The adapter of decoder-only models: stock transformers classes, hand-made masks and positions."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cached_property

import torch
from torch import Tensor
from transformers import PreTrainedModel

from gisteval import masks
from gisteval.errors import GistevalError
from gisteval.masks import CONTINUATION, PAD, MaskRule
from gisteval.models.running.alibi import alibi_of
from gisteval.models.running.base import PromptModel
from gisteval.models.running.cache import ROOM, GrowingCache
from gisteval.models.running.compressed import (
    CompressedPrompt,
    EncoderState,
    Nothing,
    PackedPrefix,
    Prefix,
    Selection,
    Tokens,
)
from gisteval.models.running.continuation import LOGIT_BYTES, Scored, scores_at_the_end
from gisteval.models.running.decoder_continuation import DecoderContinuation
from gisteval.models.running.families import decoder_refusal
from gisteval.models.running.layer_masks import (
    decoder_body,
    layer_masks,
    made_masks,
    selection_masks,
    window_masks,
)
from gisteval.models.running.observe import See, Select, SelectEach
from gisteval.models.running.padding import pad_left, positions
from gisteval.models.running.prefill import CHUNK, Prefill, rotation_kinds
from gisteval.models.running.rotation import Kind
from gisteval.models.running.slots import Columns
from gisteval.models.running.windows import context_of, effective, layer_windows, text_config, within
from gisteval.models.text.tokens import PromptTokenizer

UNMASKED_FROM = 1024
"""Tokens of a plain prompt from which on it is run without a mask, where it needs none."""


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
        self.config = config = text_config(model.config)
        self.num_layers: int = config.num_hidden_layers
        self.num_heads: int = config.num_attention_heads
        self.vocab_size: int = config.vocab_size
        self.windows = layer_windows(config)
        self.body = decoder_body(model)
        self.takes_keep = "logits_to_keep" in inspect.signature(type(model).forward).parameters
        context = context_of(config)
        self.context, self.context_limit = context.tokens, context.limit
        # Measured on one token: layers may share their states, or differ in heads and sizes.
        states = [(layer.keys, layer.values) for layer in Prefill(self, [[0]]).run().filled()]
        self.slot_bytes = sum(keys.nbytes + values.nbytes for keys, values in states)

    @torch.inference_mode()
    def encode(
        self,
        prompts: Sequence[Sequence[int]],
        keep: int | None = None,
        *,
        select: Select | None = None,
        behind: Sequence[Prefix | Nothing] | None = None,
    ) -> list[Prefix]:
        """See PromptModel."""
        if select is not None and keep is not None:
            raise ValueError("keep and select both say what is kept: give one of them")
        self._check_context(prompts, behind)
        prefixes: dict[int, Prefix] = {}
        for rows in self._passes(prompts, behind):
            before = [behind[row] for row in rows] if behind else None
            part = Prefill(self, [prompts[row] for row in rows], before)
            found = part.last(keep) if select is None else part.selected(select)
            prefixes.update(zip(rows, found, strict=True))
        return [prefixes[row] for row in range(len(prompts))]

    @torch.inference_mode()
    def encode_each(
        self, prompts: Sequence[Sequence[int]], select: SelectEach, ways: int
    ) -> list[list[Prefix]]:
        """`encode` with several selections of each layer, for which one pass does.

        Returns:
            For each of the `ways` selections the prefixes of all prompts.
        """
        self._check_context(prompts)
        prefixes: list[dict[int, Prefix]] = [{} for _ in range(ways)]
        for rows in self._passes(prompts, None):
            part = Prefill(self, [prompts[row] for row in rows])
            for own, found in zip(prefixes, part.selected_each(select, ways), strict=True):
                own.update(zip(rows, found, strict=True))
        return [[own[row] for row in range(len(prompts))] for own in prefixes]

    def _check_context(
        self, prompts: Sequence[Sequence[int]], behind: Sequence[Prefix | Nothing] | None = None
    ) -> None:
        starts = [prompt.next_position for prompt in behind] if behind else [0] * len(prompts)
        longest = max(start + len(ids) for start, ids in zip(starts, prompts, strict=True))
        if longest > self.context:
            raise GistevalError(
                f"a prompt of {longest} tokens exceeds the context of {self.context}{self.context_limit}"
            )

    def _passes(
        self, prompts: Sequence[Sequence[int]], behind: Sequence[Prefix | Nothing] | None
    ) -> list[list[int]]:
        """Which rows run together: those that need a mask, and the others by their length."""
        masked, by_length = [], defaultdict(list)
        for row, prompt in enumerate(prompts):
            if behind is None and self.runs_unmasked(len(prompt)):
                by_length[len(prompt)].append(row)
            else:
                masked.append(row)
        return [rows for rows in (masked, *by_length.values()) if rows]

    def runs_unmasked(self, tokens: int) -> bool:
        """Whether a plain prompt of so many tokens is run without a mask, by the causal attention of sdpa.

        Only prompts over `UNMASKED_FROM` tokens are: below, a mask costs little, and results stay to the
        last bit what they were.
        """
        if tokens <= UNMASKED_FROM or self.config._attn_implementation != "sdpa":
            return False
        return not any(effective(self.windows, tokens)) and alibi_of(self.model, self.body) is None

    def row_bytes(self, tokens: int, queries: int | None = None) -> int:
        """See PromptModel: the cache, the mask, and what attention works with in one layer."""
        run, at_once = (tokens, min(tokens, CHUNK)) if queries is None else (queries, queries)
        size, heads = self.dtype.itemsize, self.num_heads
        head_size = getattr(self.config, "head_dim", None) or self.config.hidden_size // heads
        # Queries and results; keys and values, once for each query head.
        attention = 2 * heads * head_size * size * (run + tokens)
        # A bool mask and its additive form, for each kind of window.
        mask = at_once * tokens * (1 + size) * len(set(effective(self.windows, tokens)))
        if self.config._attn_implementation != "sdpa":
            attention += heads * at_once * tokens * (2 * size + 4)  # products, softmax in float32, weights
        elif queries is None and self.runs_unmasked(tokens):
            mask = 0
        return int(tokens * self.slot_bytes + attention + mask)

    @torch.inference_mode()
    def observe(
        self,
        prompts: Sequence[Sequence[int]],
        see: See,
        behind: Sequence[Prefix | Nothing] | None = None,
    ) -> None:
        """Show each layer's queries, keys and values while prompts run; nothing is kept.

        See `encode` for the arguments: prompts that run apart are shown one after the other, all layers of
        the first ones first.
        """
        for rows in self._passes(prompts, behind):
            before = [behind[row] for row in rows] if behind else None
            Prefill(self, [prompts[row] for row in rows], before).show(see)

    @cached_property
    def rotations(self) -> tuple[Kind, ...]:
        """What each layer does to its keys, found out with one token at two positions."""
        return rotation_kinds(self)

    def masked(self, columns: Columns, queries: Tensor) -> AbstractContextManager[Tensor]:
        """What to pass to the model as the mask of its last tokens; layers with windows see less.

        Args:
            columns: of the cache, those of the queries at their end.
            queries: (rows, queries) position ids.
        """
        mask = masks.prefill_mask(columns.present, queries.shape[1])[:, None]
        length = int(queries.max()) + 1 if any(self.windows) else 0
        windows = effective(self.windows, length)
        if not columns.is_ragged and (columns.by_layer is None or not any(windows)):
            if columns.by_layer is not None and alibi_of(self.model, self.body) is not None:
                raise GistevalError("linear biases count columns, which don't tell where kept slots stood")
            return window_masks(self.model, mask, windows, queries, columns.positions)

        def make(layer: int) -> Tensor:
            places = columns.at_layer(layer)
            seen = within(mask, windows[layer], queries, places) & (places >= 0)[:, :, None]
            return seen.repeat_interleave(self.num_heads // seen.shape[1], dim=1)

        return made_masks(self.model, make, queries)

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
        """Every compressed prompt as cached states: token lists are run, what was packed is unpacked."""
        lists = {prompt.token_ids: prompt for prompt in prompts if isinstance(prompt, Tokens)}
        run = dict(zip(lists, self.encode(list(lists), None), strict=True)) if lists else {}
        states: list[Prefix | Nothing] = []
        for prompt in prompts:
            if isinstance(prompt, EncoderState):
                raise GistevalError("a decoder-only model can't read the states of an encoder")
            if isinstance(prompt, Tokens):
                states.append(run[prompt.token_ids])
            else:
                states.append(prompt.unpacked() if isinstance(prompt, PackedPrefix) else prompt)
        return states

    def start(self, prompts: Sequence[Prefix | Nothing], room: int = ROOM) -> tuple[GrowingCache, Columns]:
        """The prompts' states, a row each, padded on the left, with room behind, and their columns."""
        some = next((prompt for prompt in prompts if isinstance(prompt, Prefix)), None)
        if some is None:
            return GrowingCache(self.num_layers), Columns.of(prompts, 0, self.device)
        empty = tuple((keys[:, :0], values[:, :0]) for keys, values in some.layers)
        cache = GrowingCache.from_rows([getattr(p, "layers", empty) for p in prompts], room)
        return cache, Columns.of(prompts, cache.length, self.device)

    def predictions(
        self,
        prompts: Sequence[Sequence[int]],
        inputs: Sequence[Sequence[int]],
        answers: Sequence[Sequence[int]],
        rule: MaskRule | Selection,
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
        rule: MaskRule | Selection,
    ) -> list[Tensor]:
        """The uncached path: one forward pass over prompt, gists and continuation under a mask.

        See `predictions` for the rule. Returns a row's logits at the continuation's positions,
        (len(continuation), vocabulary) float32.
        """
        sequences = [[*p, *c] for p, c in zip(prompts, continuations, strict=True)]
        ids, present = pad_left(sequences, self.device)
        roles = torch.full(ids.shape, PAD, device=self.device)
        for row, (prompt, continuation) in enumerate(zip(prompts, continuations, strict=True)):
            own = [*self.prompt_roles(prompt), *[CONTINUATION] * len(continuation)]
            roles[row, ids.shape[1] - len(own) :] = torch.tensor(own)
        if isinstance(rule, MaskRule):
            places, ruled = masks.token_positions(roles, rule), layer_masks(self.model, roles, rule)
        else:
            places, ruled = positions(present, 0), selection_masks(self.model, roles, rule)
        with ruled as mask:
            output = self.model(
                input_ids=ids,
                attention_mask=mask,
                position_ids=places,
                use_cache=False,
                logits_to_keep=max(map(len, continuations)),
            )
        width = output.logits.shape[1]
        return [
            output.logits[row, width - len(continuation) :].float()
            for row, continuation in enumerate(continuations)
        ]
