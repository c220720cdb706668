"""The adapter of decoder-only models: stock transformers classes, hand-made masks and positions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from gisteval import masks
from gisteval.errors import GistevalError
from gisteval.masks import CONTINUATION, GIST, PAD, PROMPT, MaskRule
from gisteval.models.cache import GrowingCache, stack_states
from gisteval.models.compressed import Accounting, CompressedPrompt, Nothing, Prefix, Tokens
from gisteval.models.continuation import Continuation
from gisteval.models.padding import pad_left, positions
from gisteval.models.tokens import PromptTokenizer
from gisteval.schema import Example


class DecoderModel:
    """A decoder-only language model that runs prompts masked or cached.

    Works with any transformers causal model that takes a 4D additive mask, explicit `position_ids` and
    a `Cache` (Llama, Qwen2, Mistral, GPT-2 are tested).
    """

    def __init__(self, model: PreTrainedModel, tokens: PromptTokenizer, leak_window: int = 0) -> None:
        """model: in evaluation mode on its device; tokens: its tokenizer, template and k.

        leak_window: prompt tokens before the gists that it was trained to see beside them.
        """
        self.model = model
        self.tokens = tokens
        self.leak_window = leak_window
        self.device = model.device
        self.dtype = model.dtype
        config = model.config
        self.num_layers: int = config.num_hidden_layers
        self.num_heads: int = config.num_attention_heads
        limits = [config.max_position_embeddings, getattr(config, "sliding_window", None)]
        if not getattr(config, "use_sliding_window", True):
            limits = limits[:1]
        # One hand-made mask serves all layers, so a prompt must fit into the narrowest window.
        self.context: int = min(limit for limit in limits if limit)
        head_size = getattr(config, "head_dim", None) or config.hidden_size // self.num_heads
        kv_heads = getattr(config, "num_key_value_heads", None) or self.num_heads
        self.slot_bytes: int = 2 * self.num_layers * kv_heads * head_size * self.dtype.itemsize
        suppressed = {tokens.gist_id, tokens.tokenizer.pad_token_id} - {None}
        self.end_ids = _end_ids(model, tokens)
        self.suppressed_ids = sorted(i for i in suppressed - self.end_ids if i is not None)

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
            source = len(prompt) - self.tokens.count_gists(prompt)
            accounting = Accounting(source, self.tokens.template_tokens, kept, size)
            prefixes.append(Prefix(layers, len(prompt), accounting))
        return prefixes

    def fits(self, example: Example) -> bool:
        """True if prompt, gists, input and reference together stay within the context."""
        segments = (
            self.tokens.prompts([example.instruction])[0],
            self.tokens.gists,
            self.tokens.continuations([example.input])[0],
            self.tokens.targets([example.output])[0],
        )
        return sum(map(len, segments)) <= self.context

    def open(self, prompts: Sequence[CompressedPrompt], inputs: Sequence[str]) -> Continuation:
        """Prefill the inputs behind their compressed prompts, ready for `nll` and `decode`."""
        ids = self.tokens.continuations(inputs)
        return Continuation(self, self.realise(prompts), ids)

    def realise(self, prompts: Sequence[CompressedPrompt]) -> list[Prefix | Nothing]:
        """Every compressed prompt as cached states: token lists are run, prefixes stay as they are."""
        lists = {prompt.token_ids: prompt for prompt in prompts if isinstance(prompt, Tokens)}
        run = dict(zip(lists, self.encode(list(lists), None), strict=True)) if lists else {}
        return [run[p.token_ids] if isinstance(p, Tokens) else p for p in prompts]

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

    def initial_states(self, prompts: Sequence[Prefix | Nothing]) -> list[tuple[Tensor, Tensor]]:
        """The prompts' states as one batch per layer, shorter rows padded on the left."""
        some = next((prompt for prompt in prompts if isinstance(prompt, Prefix)), None)
        if some is None:
            return []
        empty = tuple((keys[:, :0], values[:, :0]) for keys, values in some.layers)
        return stack_states([p.layers if isinstance(p, Prefix) else empty for p in prompts])

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
            )
        width = ids.shape[1]
        return [
            output.logits[row, width - len(continuation) :].float()
            for row, continuation in enumerate(continuations)
        ]


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


def _end_ids(model: PreTrainedModel, tokens: PromptTokenizer) -> set[int]:
    ends = model.generation_config.eos_token_id if model.generation_config else None
    found = {ends} if isinstance(ends, int) else set(ends or [])
    return found | ({tokens.tokenizer.eos_token_id} - {None})
