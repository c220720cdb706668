"""The adapter of decoder-only models: stock transformers classes, hand-made masks and positions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor
from transformers import PretrainedConfig, PreTrainedModel

from gisteval import masks
from gisteval.errors import GistevalError
from gisteval.masks import CONTINUATION, GIST, PAD, PROMPT, MaskRule
from gisteval.models.base import PromptModel
from gisteval.models.cache import GrowingCache
from gisteval.models.compressed import (
    CompressedPrompt,
    EncoderState,
    Nothing,
    Prefix,
    Tokens,
)
from gisteval.models.continuation import LOGIT_BYTES, Continuation, Scored, scores_at_the_end
from gisteval.models.padding import pad_left, positions
from gisteval.models.tokens import PromptTokenizer


class DecoderModel(PromptModel):
    """A decoder-only language model that runs prompts masked or cached.

    Works with any transformers causal model that takes a 4D additive mask, explicit `position_ids` and
    a `Cache` (Llama, Qwen2, Mistral, GPT-2 are tested).
    """

    def __init__(self, model: PreTrainedModel, tokens: PromptTokenizer, leak_window: int = 0) -> None:
        """See PromptModel."""
        super().__init__(model, tokens, leak_window)
        config = model.config
        self.num_layers: int = config.num_hidden_layers
        self.num_heads: int = config.num_attention_heads
        self.context = context_of(config)
        head_size = getattr(config, "head_dim", None) or config.hidden_size // self.num_heads
        kv_heads = getattr(config, "num_key_value_heads", None) or self.num_heads
        self.slot_bytes = 2 * self.num_layers * kv_heads * head_size * self.dtype.itemsize

    @torch.inference_mode()
    def encode(self, prompts: Sequence[Sequence[int]], keep: int | None) -> list[Prefix]:
        """Run prompts (token ids, gists included) and keep the last `keep` slots of each layer.

        keep = None keeps all of a prompt's slots. Raises GistevalError for a prompt over the context.
        """
        longest = max(len(ids) for ids in prompts)
        if longest > self.context:
            raise GistevalError(f"a prompt of {longest} tokens exceeds the context of {self.context}")
        ids, present = pad_left(prompts, self.device)
        cache = GrowingCache(self.num_layers)
        self.model.base_model(
            input_ids=ids,
            attention_mask=masks.additive(masks.prefill_mask(present, longest), self.dtype)[:, None],
            position_ids=positions(present, 0),
            past_key_values=cache,
            use_cache=True,
        )
        prefixes = []
        for row, prompt in enumerate(prompts):
            kept = len(prompt) if keep is None else min(keep, len(prompt))
            layers = tuple(
                (
                    layer.keys[row, :, longest - kept :].clone(),
                    layer.values[row, :, longest - kept :].clone(),
                )
                for layer in cache.layers
            )
            size = sum(state.nbytes for pair in layers for state in pair)
            prefixes.append(Prefix(layers, len(prompt), self.account(prompt, kept, size)))
        return prefixes

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
        if 4 * len(targets) * columns * self.model.config.vocab_size > LOGIT_BYTES:
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
        slots = torch.tensor([p.slots if isinstance(p, Prefix) else 0 for p in prompts])
        self.present = (torch.arange(width)[None, :] >= width - slots[:, None]).to(device)
        ids, real = pad_left(continuations, device)
        starts = torch.tensor([p.next_position for p in prompts], device=device)
        lengths = torch.tensor([len(c) for c in continuations], device=device)
        super().__init__(model, cache, starts + lengths)
        self.last_columns = self._forward(ids, real, positions(real, starts), keep)
        self.last_logits = self.last_columns[:, -1]

    def rewind(self, length: int) -> None:
        """Forget every column from `length` on."""
        super().rewind(length)
        self.present = self.present[:, :length]

    def keep_rows(self, rows: Tensor) -> None:
        """Drop all rows but these."""
        super().keep_rows(rows)
        self.present = self.present[rows]

    def _forward(self, ids: Tensor, real: Tensor, position_ids: Tensor, keep: int) -> Tensor:
        self.present = torch.cat([self.present, real], dim=1)
        mask = masks.prefill_mask(self.present, ids.shape[1])
        output = self.model.model(
            input_ids=ids,
            attention_mask=masks.additive(mask, self.model.dtype)[:, None],
            position_ids=position_ids,
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=keep,
        )
        logits: Tensor = output.logits
        return logits.float()


def context_of(config: PretrainedConfig) -> int:
    """The longest sequence, in tokens, that a decoder of this configuration takes here.

    One hand-made mask serves all layers, so a prompt must fit into the narrowest window.
    """
    limits = [config.max_position_embeddings, getattr(config, "sliding_window", None)]
    if not getattr(config, "use_sliding_window", True):
        limits = limits[:1]
    return int(min(limit for limit in limits if limit))


@contextmanager
def layer_masks(model: PreTrainedModel, roles: Tensor, rule: MaskRule) -> Iterator[Tensor]:
    """The additive mask to pass to `model`; a rule for some layers only is applied by hooks inside.

    Stock models hand a 4D mask on to every layer as it is, so a hook that finds that very tensor among
    a layer's arguments can put the layer's own mask in its place. The hooks are gone afterwards.
    """
    heads = model.config.num_attention_heads
    if rule.layers is None:
        yield masks.additive(masks.head_masks(roles, rule, heads), model.dtype)
        return
    layers = decoder_layers(model)
    unknown = sorted(index for index in rule.layers if not 0 <= index < len(layers))
    if unknown:
        raise ValueError(f"layers {unknown} do not exist: the model has {len(layers)}")
    own = [
        masks.additive(masks.head_masks(roles, rule.at_layer(index), heads), model.dtype)
        for index in range(len(layers))
    ]
    with ExitStack() as hooks:
        for layer, mask in zip(layers, own, strict=True):
            hook = layer.register_forward_pre_hook(_replacing(own[0], mask), with_kwargs=True)
            hooks.callback(hook.remove)
        yield own[0]


def _replacing(shared: Tensor, own: Tensor) -> Any:
    def hook(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not any(value is shared for value in (*args, *kwargs.values())):
            raise GistevalError(f"{type(module).__name__} does not take the mask it is given as-is")
        swapped = {name: own if value is shared else value for name, value in kwargs.items()}
        return tuple(own if value is shared else value for value in args), swapped

    return hook


def decoder_layers(model: PreTrainedModel) -> list[torch.nn.Module]:
    """The blocks of a decoder, in order."""
    for name in ("layers", "h", "blocks"):
        blocks = getattr(model.base_model, name, None)
        if isinstance(blocks, torch.nn.ModuleList):
            return list(blocks)
    raise GistevalError(f"{type(model).__name__}: no list of decoder blocks was found")
