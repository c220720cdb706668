"""What is trained where a base keeps its weights: low-rank adapters, or the row of `<GIST>` alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from gisteval.models.checkpoints.vocabulary import adapting
from gisteval.models.text.tokens import GIST_TOKEN
from gisteval.training.recipe import Lora, Recipe

if TYPE_CHECKING:
    from peft import PeftConfig


def adapted(model: PreTrainedModel, recipe: Recipe, tokenizer: PreTrainedTokenizerBase) -> PreTrainedModel:
    """Return the model as a recipe trains it: as it is, or with the adapter whose weights are trained.

    Args:
        model: The base, which has a row for `<GIST>`.
        recipe: The recipe.
        tokenizer: The base's, with `<GIST>`.
    """
    if recipe.lora is None and recipe.trainable is None:
        return model
    from peft import get_peft_model

    gist_id: int = tokenizer.convert_tokens_to_ids(GIST_TOKEN)
    config = gist_row(model, gist_id) if recipe.lora is None else low_rank(model, recipe.lora, gist_id)
    with adapting(model, config.peft_type):
        with_adapter: PreTrainedModel = get_peft_model(model, config)
    return with_adapter


def low_rank(model: PreTrainedModel, lora: Lora, gist_id: int) -> PeftConfig:
    """Return the configuration of adapters on all linear layers, and of the row of `<GIST>`."""
    from peft import LoraConfig

    return LoraConfig(
        task_type=_task_type(model),
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules="all-linear",
        trainable_token_indices={embedding_name(model): [gist_id]},
    )


def gist_row(model: PreTrainedModel, gist_id: int) -> PeftConfig:
    """Return the configuration of the row of `<GIST>` alone, in the embedding and what is tied to it."""
    from peft import TrainableTokensConfig

    return TrainableTokensConfig(
        task_type=_task_type(model), target_modules=[embedding_name(model)], token_indices=[gist_id]
    )


def embedding_name(model: PreTrainedModel) -> str:
    """Return the last part of the input embedding's name, such as embed_tokens or shared."""
    embedding = model.get_input_embeddings()
    name = next(name for name, part in model.named_modules() if part is embedding)
    return str(name.rsplit(".", 1)[-1])


def stock_model(model: PreTrainedModel) -> PreTrainedModel:
    """Return the stock model inside of one with an adapter, or the model itself."""
    return model.get_base_model() if hasattr(model, "peft_config") else model


def _task_type(model: PreTrainedModel) -> str:
    """What peft calls the kind of model; the adapter's folder tells its architecture by it."""
    return "SEQ_2_SEQ_LM" if model.config.is_encoder_decoder else "CAUSAL_LM"
