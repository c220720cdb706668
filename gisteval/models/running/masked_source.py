"""Prompts that an encoder runs once, and whose inputs and answers are read under one mask after another.

Prompt and gists never see the input under the masks meant here, so their states are the same under each of
them: only the input runs again, and where it sees what it saw before, only the decoder.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gisteval.masks import MaskRule
from gisteval.models.running.block_masks import cross_masks, is_partial, source_masks
from gisteval.models.running.encoder_decoder import EncoderDecoderModel, decoded, encoder_cache
from gisteval.models.running.padding import pad_left, pad_right


class MaskedSource:
    """Rows of an encoder-decoder model: [left-padded prompt | right-padded input], and the answers."""

    @torch.inference_mode()
    def __init__(
        self,
        model: EncoderDecoderModel,
        prompts: Sequence[Sequence[int]],
        inputs: Sequence[Sequence[int]],
        answers: Sequence[Sequence[int]],
    ) -> None:
        """Run the prompts.

        Args:
            model: The model.
            prompts: Token ids, gists included, a row each.
            inputs: Token ids of what follows each prompt.
            answers: Token ids that the decoder writes.
        """
        self._model, self._answers = model, answers
        ids, present = pad_left(prompts, model.device)
        self._cache, self._before = model.start(ids, present)
        self._width = ids.shape[1]
        self._ids, real = pad_right(inputs, model.device)
        self._decoder_ids, _ = pad_right([[model.start_id, *answer] for answer in answers], model.device)
        self._roles = model.roles_before(prompts, self._width, real)
        self._encoded: tuple[MaskRule, Tensor] | None = None

    @torch.inference_mode()
    def predictions(self, rule: MaskRule, cross_rule: MaskRule | None = None) -> list[Tensor]:
        """What `EncoderDecoderModel.predictions` gives under these rules.

        Raises ValueError for a rule under which prompts see their inputs.
        """
        if rule.condition == "pos_control" or (is_partial(rule) and rule.elsewhere == "pos_control"):
            raise ValueError("a prompt that sees its input has to run again with it")
        hidden = self._states(rule)
        with cross_masks(self._model.model, self._roles, cross_rule or rule) as cross:
            logits = decoded(self._model.model, hidden, cross, self._decoder_ids).float()
        return [logits[row, : len(answer) + 1] for row, answer in enumerate(self._answers)]

    def _states(self, rule: MaskRule) -> Tensor:
        """The encoder's final states of all columns; those of the last rule are kept."""
        if self._encoded is None or self._encoded[0] != rule:
            network = self._model.model
            with (
                source_masks(network, self._roles, rule, self._width) as mask,
                encoder_cache(network, self._cache),
            ):
                output = network.encoder(input_ids=self._ids, attention_mask=mask)
            self._cache.rewind(self._width)
            behind = output.last_hidden_state.to(self._before.device)
            self._encoded = rule, torch.cat([self._before, behind], dim=1)
        return self._encoded[1]
