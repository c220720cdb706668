"""The model and tokenizer that a training starts from: new ones, or those of a base checkpoint."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from gisteval.errors import GistevalError
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.models.checkpoints.loading import check_family, load_tokenizer, load_weights, resolve
from gisteval.models.checkpoints.vocabulary import fit_vocabulary
from gisteval.models.running.architecture import Architecture
from gisteval.models.text.tokens import add_gist_token
from gisteval.prompts import Template
from gisteval.records.schema import Example
from gisteval.training.adapters import adapted
from gisteval.training.recipe import Recipe
from gisteval.training.scratch import new_model, scratch_architecture
from gisteval.training.tokenizer import train_tokenizer

TOKENIZER_EXAMPLES = 40_000
"""Number of examples that the tokenizer of a new model is trained on, about."""


def starting_architecture(recipe: Recipe) -> Architecture:
    """Return the architecture of the model that a recipe trains."""
    if recipe.scratch is not None:
        return scratch_architecture(recipe.scratch)
    assert recipe.base is not None
    return inspect_checkpoint(resolve(recipe.base), chat_template=recipe.chat_template).architecture


def starting_model(
    recipe: Recipe, examples: Sequence[Example], template: Template
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Make or load the model and the tokenizer that training starts from.

    Args:
        recipe: The recipe.
        examples: Training examples, which a new tokenizer learns from.
        template: Template of the architecture.

    Raises:
        GistevalError: The base can't be loaded, or the recipe does not fit it.
    """
    if recipe.scratch is not None:
        texts = (
            template.prompt(e.instruction) + template.continuation(e.input) + template.answer(e.output)
            for e in examples[:: max(1, len(examples) // TOKENIZER_EXAMPLES)]
        )
        tokenizer = train_tokenizer(texts, recipe.scratch.vocab_size)
        return new_model(recipe.scratch, tokenizer), tokenizer
    assert recipe.base is not None
    checkpoint = inspect_checkpoint(resolve(recipe.base))
    check_family(checkpoint)
    base_tokenizer = load_tokenizer(checkpoint)
    add_gist_token(base_tokenizer)
    model = load_weights(checkpoint, base_tokenizer, torch.float32)
    fit_vocabulary(model, base_tokenizer)
    _redraw(model, recipe.redraw)
    return adapted(model, recipe, base_tokenizer), base_tokenizer


def _redraw(model: PreTrainedModel, names: Sequence[str]) -> None:
    """Initialise the weights of linear modules anew. Names are the last parts of module names."""
    if names and model.config.is_encoder_decoder:
        raise GistevalError("redraw: not supported for an encoder-decoder model: leave it out")
    linear: dict[str, list[nn.Linear]] = {}
    for path, part in model.named_modules():
        if isinstance(part, nn.Linear):
            linear.setdefault(path.rsplit(".", 1)[-1], []).append(part)
    for name in names:
        if name not in linear:
            raise GistevalError(
                f"redraw: the base has no linear module {name!r}: choose from {', '.join(linear)}"
            )
        for part in linear[name]:
            nn.init.normal_(part.weight, std=model.config.initializer_range)
