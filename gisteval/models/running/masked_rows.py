"""Whole prompts that run once, and are then read behind under one mask after another.

A mask says what a continuation sees of its prompt. The prompt's own tokens see each other causally under
every rule, so their keys and values are the same, and only the continuation has to run again.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gisteval import masks
from gisteval.masks import MaskRule
from gisteval.models.running.decoder import DecoderModel
from gisteval.models.running.layer_masks import layer_masks
from gisteval.models.running.padding import pad_left


class MaskedRows:
    """Rows of a decoder-only model: [left-padded prompt | left-padded input and answer]."""

    @torch.inference_mode()
    def __init__(
        self,
        model: DecoderModel,
        prompts: Sequence[Sequence[int]],
        inputs: Sequence[Sequence[int]],
        answers: Sequence[Sequence[int]],
    ) -> None:
        """Run the prompts.

        Args:
            model: The model.
            prompts: Token ids, gists included, a row each. They are not in segments.
            inputs: Token ids of what follows each prompt.
            answers: Token ids behind each input.
        """
        self._model, self._answers = model, answers
        self._cache, _ = model.start(model.whole(prompts))
        self._ids, present = pad_left(
            [[*x, *y] for x, y in zip(inputs, answers, strict=True)], model.device
        )
        self._width = self._cache.length
        self._roles = model.roles_before(prompts, self._width, present)

    @torch.inference_mode()
    def predictions(self, rule: MaskRule) -> list[Tensor]:
        """What `PromptModel.predictions` gives under this rule, from the continuations alone."""
        model, keep = self._model, max(map(len, self._answers)) + 1
        places = masks.token_positions(self._roles, rule)[:, self._width :]
        few = {"logits_to_keep": keep} if model.takes_keep else {}
        with layer_masks(model.model, self._roles, rule, self._width) as mask:
            output = model.model(
                input_ids=self._ids,
                attention_mask=mask,
                position_ids=places,
                past_key_values=self._cache,
                use_cache=True,
                **few,
            )
        self._cache.rewind(self._width)
        logits = output.logits.float()
        return [
            logits[row, logits.shape[1] - len(answer) - 1 :] for row, answer in enumerate(self._answers)
        ]
