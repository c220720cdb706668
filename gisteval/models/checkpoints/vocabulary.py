"""The rows of a model's embedding and output matrix: for `<GIST>`, and as an adapter was trained."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from gisteval.errors import GistevalError
from gisteval.models.checkpoints.adapter_rows import trained_tokens, vocabulary_rows
from gisteval.models.checkpoints.checkpoint import Checkpoint
from gisteval.models.text.tokens import GIST_TOKEN, RESIZE, PromptTokenizer, find_gist_id


def check_gist_row(model: PreTrainedModel, tokens: PromptTokenizer, checkpoint: Checkpoint) -> None:
    """Raise GistevalError if gist tokens are to be read and the embedding has no row for them."""
    rows = int(model.get_input_embeddings().weight.shape[0])
    if tokens.k and tokens.gist_id is not None and tokens.gist_id >= rows:
        raise GistevalError(
            f"{checkpoint.path}: {GIST_TOKEN} is in the tokenizer (id {tokens.gist_id}), but the embedding "
            f"has {rows} rows, none of them for it: {RESIZE} once that row is trained"
        )


def fit_to_adapter(
    base: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, checkpoint: Checkpoint
) -> None:
    """Give the base the rows that the adapter was trained over, as its tensors or token indices say.

    Raises GistevalError if gist tokens are to be read, and neither base nor adapter has a row for them.
    """
    rows = vocabulary_rows(checkpoint.path, base)
    if rows is not None:
        resize_vocabulary(base, rows)
        return
    gist_id, old = find_gist_id(tokenizer), base.get_input_embeddings().weight.shape[0]
    trained = trained_tokens(checkpoint.adapter_config())
    if checkpoint.record.k and gist_id is not None and gist_id >= old and gist_id not in trained:
        raise GistevalError(
            f"{checkpoint.path}: neither the adapter nor its base has a row for {GIST_TOKEN}: save the "
            "adapter with the embedding (save_embedding_layers=True), or train that token with it"
        )
    resize_vocabulary(base, max([old, *(index + 1 for index in trained)]))


def fit_vocabulary(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Give `<GIST>` its rows if the model lacks them: the mean of the others, as a fixed start.

    The output row matters as well: `<GIST>` is never produced, but its logit counts in the loss.
    """
    gist_id = find_gist_id(tokenizer)
    if gist_id is not None and gist_id >= model.get_input_embeddings().weight.shape[0]:
        resize_vocabulary(model, gist_id + 1)


def resize_vocabulary(model: PreTrainedModel, rows: int) -> None:
    """Cut the embedding and the output matrix to so many rows, or fill them up with the mean of the others.

    Raises GistevalError where they are not in memory.
    """
    old = model.get_input_embeddings().weight.shape[0]
    if rows == old:
        return
    if model.get_input_embeddings().weight.is_meta:
        raise GistevalError(
            f"the embedding needs {rows} rows, but is offloaded: give a --device-map that keeps "
            f"{model.config.model_type}'s embeddings on a device"
        )
    shared_rows = min(old, rows)
    head = model.get_output_embeddings()
    distinct = None
    if head is not None and head.weight is not model.get_input_embeddings().weight:
        distinct = head.weight.detach().clone()
    model.resize_token_embeddings(rows, mean_resizing=False)
    inputs, head = model.get_input_embeddings(), model.get_output_embeddings()
    if distinct is not None and head.weight is inputs.weight:
        # T5's configuration always says "tied": resizing would throw FLAN-T5's own output matrix away.
        head.weight = torch.nn.Parameter(distinct.new_empty(inputs.weight.shape))
    with torch.no_grad():
        if distinct is not None:
            head.weight[:shared_rows] = distinct[:shared_rows]
        for table in (inputs, head):
            if table is not None:
                table.weight[shared_rows:] = table.weight[:shared_rows].mean(0)


@contextmanager
def adapting(model: PreTrainedModel, kind: str) -> Iterator[None]:
    """Inside, peft puts an adapter on the model and knows which matrices are tied.

    T5's configuration always says "tied", so peft would give the embedding's row of `<GIST>` to FLAN-T5's
    own output matrix as well. And peft warns of tied matrices also where an adapter holds single rows
    only, which it does tie.

    Args:
        model: The base.
        kind: The adapter's, as peft names it.
    """
    head, tied = model.get_output_embeddings(), model._tied_weights_keys
    if (
        head is not None
        and isinstance(tied, dict)
        and head.weight is not model.get_input_embeddings().weight
    ):
        name = next(name for name, part in model.named_modules() if part is head)
        model._tied_weights_keys = {key: source for key, source in tied.items() if key != f"{name}.weight"}
    with warnings.catch_warnings():
        if kind == "TRAINABLE_TOKENS":
            warnings.filterwarnings("ignore", message="Model has `tie_word_embeddings=True`")
        yield
