"""The adapter of encoder-decoder models of T5's kind: an encoder with relative positions, run by parts.

The encoder reads the prompt, the gists and the input; its states under the condition's mask are what the
decoder attends to. Under the gist mask prompt and gists never see the input, so the gists' keys and values
in every encoder layer, and their final states, can be computed once and put back before any input.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel
from transformers.cache_utils import DynamicCache, EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutput

from gisteval import masks
from gisteval.errors import GistevalError
from gisteval.masks import CONTINUATION, PAD, MaskRule
from gisteval.models.running.base import PromptModel
from gisteval.models.running.block_masks import cross_masks, source_masks
from gisteval.models.running.cache import GrowingCache
from gisteval.models.running.compressed import (
    Accounting,
    CompressedPrompt,
    EncoderState,
    Nothing,
    PackedPrefix,
    Prefix,
    Selection,
    Tokens,
)
from gisteval.models.running.continuation import Continuation
from gisteval.models.running.observe import Select
from gisteval.models.running.padding import pad_left, pad_right
from gisteval.models.text.tokens import PromptTokenizer


class EncoderDecoderModel(PromptModel):
    """T5, FLAN-T5, mT5 or UMT5, with stock transformers classes.

    Relative positions set no limit to a sequence, so any example fits.
    """

    context = sys.maxsize

    def __init__(self, model: PreTrainedModel, tokens: PromptTokenizer, leak_window: int = 0) -> None:
        """See PromptModel."""
        super().__init__(model, tokens, leak_window)
        config = model.config
        self.num_layers: int = config.num_layers
        self.decoder_layers: int = config.num_decoder_layers
        self.num_heads: int = config.num_heads
        # Keys and values of every encoder layer, and the final state.
        per_slot = 2 * self.num_layers * config.num_heads * config.d_kv + config.d_model
        self.slot_bytes = per_slot * self.dtype.itemsize
        self.start_id = start_id(model)

    def row_bytes(self, tokens: int, queries: int | None = None) -> int:
        """See PromptModel: all tokens of an encoder run at a time, and its biases are a matrix a head.

        Biases with the mask, products and softmax, and the weights.
        """
        attention = self.model.config.num_heads * tokens * tokens * (3 * self.dtype.itemsize)
        mask = tokens * tokens * (1 + self.dtype.itemsize)
        return int(tokens * self.slot_bytes + attention + mask)

    @torch.inference_mode()
    def encode(
        self,
        prompts: Sequence[Sequence[int]],
        keep: int | None = None,
        *,
        select: Select | None = None,
        behind: Sequence[Prefix | Nothing] | None = None,
    ) -> list[EncoderState]:
        """Run prompts without any input and keep the last `keep` slots of each (None: all).

        That is what the gist mask lets a prompt see. It is not the positive control, where the input
        changes the prompt's states: see `whole`.
        """
        if select is not None or behind is not None:
            raise GistevalError(
                "an encoder-decoder model keeps the last slots of whole prompts only: slots can't be "
                "selected, nor prompts run behind others (use a decoder-only model)"
            )
        ids, present = pad_left(prompts, self.device)
        width = ids.shape[1]
        cache, hidden = self.start(ids, present)
        states = []
        for row, prompt in enumerate(prompts):
            kept = len(prompt) if keep is None else min(keep, len(prompt))
            layers = tuple(
                (
                    layer.keys[row, :, width - kept :].clone(),
                    layer.values[row, :, width - kept :].clone(),
                )
                for layer in cache.layers
            )
            final = hidden[row, width - kept :].clone()
            size = final.nbytes + sum(state.nbytes for pair in layers for state in pair)
            states.append(EncoderState(layers, final, self.account(prompt, kept, size)))
        return states

    def start(self, ids: Tensor, present: Tensor) -> tuple[GrowingCache, Tensor]:
        """Run left-padded prompts without any input: a cache of all slots, and the final states.

        ids, present: (rows, columns).
        """
        cache = GrowingCache(self.num_layers)
        return cache, self._run_encoder(ids, present[:, None, :].expand(-1, ids.shape[1], -1), cache)

    def whole(self, prompts: Sequence[Sequence[int]]) -> list[Tokens]:
        """The token lists: a bidirectional encoder knows nothing of a prompt before its input."""
        return [
            Tokens(tuple(prompt), self.account(prompt, len(prompt), 4 * len(prompt))) for prompt in prompts
        ]

    def run(
        self, prompts: Sequence[CompressedPrompt], continuations: Sequence[Sequence[int]]
    ) -> EncoderDecoderContinuation:
        """Encode inputs (token ids) behind their compressed prompts, and start the decoder."""
        return EncoderDecoderContinuation(self, *self.encode_behind(prompts, continuations))

    @torch.inference_mode()
    def encode_behind(
        self, prompts: Sequence[CompressedPrompt], continuations: Sequence[Sequence[int]]
    ) -> tuple[Tensor, Tensor]:
        """Final encoder states (rows, columns, width) and which of them are there, (rows, columns) bool.

        Columns: [left-padded slots | right-padded input], so that in every row the input's columns
        follow its slots' without a gap: the relative bias counts columns.
        """
        none = Accounting(0, 0, 0, 0)
        states, sequences = [], []
        template = next((p for p in prompts if isinstance(p, EncoderState)), None)
        for prompt, continuation in zip(prompts, continuations, strict=True):
            if isinstance(prompt, Prefix | PackedPrefix):
                raise GistevalError("an encoder-decoder model can't read the cache of a decoder")
            if isinstance(prompt, EncoderState):
                states.append(prompt)
            elif template is not None:
                layers = tuple((keys[:, :0], values[:, :0]) for keys, values in template.layers)
                states.append(EncoderState(layers, template.hidden[:0], none))
            shown = prompt.token_ids if isinstance(prompt, Tokens) else ()
            sequences.append([*shown, *continuation])
        ids, real = pad_right(sequences, self.device)
        if not states:
            mask = real[:, None, :].expand(-1, ids.shape[1], -1)
            return self._run_encoder(ids, mask, GrowingCache(self.num_layers)), real
        cache = GrowingCache.from_rows([state.layers for state in states])
        width = cache.length
        slots = torch.tensor([state.slots for state in states], device=self.device)
        kept = torch.arange(width, device=self.device)[None, :] >= width - slots[:, None]
        present = torch.cat([kept, real], dim=1)
        hidden = self._run_encoder(ids, present[:, None, :].expand(-1, ids.shape[1], -1), cache)
        before = torch.nn.utils.rnn.pad_sequence(
            [state.hidden for state in states], batch_first=True, padding_side="left"
        )
        return torch.cat([before, hidden], dim=1), present

    @torch.inference_mode()
    def predictions(
        self,
        prompts: Sequence[Sequence[int]],
        inputs: Sequence[Sequence[int]],
        answers: Sequence[Sequence[int]],
        rule: MaskRule | Selection,
        cross_rule: MaskRule | None = None,
    ) -> list[Tensor]:
        """See PromptModel. Raises ValueError for slots that were chosen, and for an unknown layer or head.

        cross_rule: what the decoder sees of the prompt, where that is not what the input sees. Its layers
            and heads are the decoder's, those of `rule` the encoder's.
        """
        if not isinstance(rule, MaskRule):
            raise ValueError("an encoder-decoder model keeps the last slots of a prompt, not chosen ones")
        sequences = [[*p, *x] for p, x in zip(prompts, inputs, strict=True)]
        ids, _ = pad_left(sequences, self.device)
        roles = torch.full(ids.shape, PAD, device=self.device)
        for row, (prompt, continuation) in enumerate(zip(prompts, inputs, strict=True)):
            own = [*self.prompt_roles(prompt), *[CONTINUATION] * len(continuation)]
            roles[row, ids.shape[1] - len(own) :] = torch.tensor(own)
        decoder_ids, _ = pad_right([[self.start_id, *answer] for answer in answers], self.device)
        with (
            source_masks(self.model, roles, rule) as source,
            cross_masks(self.model, roles, cross_rule or rule) as cross,
        ):
            logits = split_forward(self.model, ids, source, cross, decoder_ids).float()
        return [logits[row, : len(answer) + 1] for row, answer in enumerate(answers)]

    def _run_encoder(self, ids: Tensor, mask: Tensor, cache: GrowingCache) -> Tensor:
        """Final states of `ids` behind the cache's slots; the cache grows. mask: (rows, ids, columns)."""
        with encoder_cache(self.model, cache):
            output = self.model.encoder(
                input_ids=ids, attention_mask=masks.additive(mask, self.dtype)[:, None]
            )
        hidden: Tensor = output.last_hidden_state.to(self.device)  # where the decoder looks for it
        return hidden


def start_id(model: PreTrainedModel) -> int:
    """The token that a decoder starts with."""
    start = getattr(model.config, "decoder_start_token_id", None)
    return int(model.config.pad_token_id if start is None else start)


def split_forward(
    model: PreTrainedModel, ids: Tensor, source_mask: Tensor, cross_mask: Tensor, decoder_ids: Tensor
) -> Tensor:
    """Logits (rows, decoder columns, vocabulary) of one pass without caches, for training and checks.

    ids: (rows, columns) of the encoder; source_mask: its additive mask, (rows, 1, columns, columns);
    cross_mask: what the decoder may see, (rows, columns) bool, or additive with four dimensions. The stock
    model has one mask for both, so the two are run apart.
    """
    hidden = model.encoder(input_ids=ids, attention_mask=source_mask).last_hidden_state.to(ids.device)
    return decoded(model, hidden, cross_mask, decoder_ids)


def decoded(model: PreTrainedModel, hidden: Tensor, cross_mask: Tensor, decoder_ids: Tensor) -> Tensor:
    """Logits of the decoder over encoder states, (rows, columns, width); see `split_forward`."""
    output = model(
        encoder_outputs=BaseModelOutput(last_hidden_state=hidden),
        attention_mask=cross_mask,
        decoder_input_ids=decoder_ids,
        use_cache=False,
    )
    logits: Tensor = output.logits
    return logits


@contextmanager
def encoder_cache(model: PreTrainedModel, cache: GrowingCache) -> Iterator[None]:
    """Inside, the encoder's blocks read from and write to `cache`.

    The stock encoder drops a cache, but its blocks honour one, relative bias included: hooks hand it to
    them, and are gone afterwards.
    """

    def give(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return args, {**kwargs, "past_key_values": cache}

    with ExitStack() as hooks:
        for block in model.encoder.block:
            hooks.callback(block.register_forward_pre_hook(give, with_kwargs=True).remove)
        yield


class EncoderDecoderContinuation(Continuation):
    """Decoders that attend to encoded rows. All rows stand at the same decoder position."""

    model: EncoderDecoderModel

    @torch.inference_mode()
    def __init__(self, model: EncoderDecoderModel, hidden: Tensor, present: Tensor) -> None:
        """hidden: encoder states, (rows, columns, width); present: (rows, columns) bool."""
        rows = hidden.shape[0]
        super().__init__(model, GrowingCache(model.decoder_layers), present.new_ones(rows).long())
        self.hidden = hidden
        self.present = present
        self.caches = EncoderDecoderCache(self.cache, DynamicCache())
        start = torch.full((rows, 1), model.start_id, device=model.device)
        real = torch.ones_like(start, dtype=torch.bool)
        self.last_logits = self._forward(start, real, torch.zeros_like(start), keep=1)[:, -1]

    def keep_rows(self, rows: Tensor) -> None:
        """Drop all rows but these."""
        super().keep_rows(rows)
        for layer in self.caches.cross_attention_cache.layers:
            layer.batch_select_indices(rows.to(layer.keys.device))
        self.hidden, self.present = self.hidden[rows], self.present[rows]

    def _forward(self, ids: Tensor, real: Tensor, position_ids: Tensor, keep: int) -> Tensor:
        """Run the next tokens of all rows.

        Rows share their columns, so neither `real` nor positions are needed: what a finished row runs stays
        in that row, and the relative bias counts columns.
        """
        output = self.model.model(
            encoder_outputs=BaseModelOutput(last_hidden_state=self.hidden),
            attention_mask=self.present,
            decoder_input_ids=ids,
            past_key_values=self.caches,
            use_cache=True,
        )
        logits: Tensor = output.logits[:, -keep:]
        return logits.float()
