"""Training of one checkpoint with Hugging Face's Trainer and the mask of its condition."""

from __future__ import annotations

import logging
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
import transformers
from transformers import PreTrainedModel, TrainerState, set_seed

from gisteval.errors import GistevalError
from gisteval.models.checkpoints.checkpoint import GIST_FILE, GistRecord, read_record
from gisteval.models.checkpoints.loading import save_checkpoint
from gisteval.models.checkpoints.placement import DTYPES
from gisteval.models.running.architecture import DECODER, Architecture
from gisteval.models.running.windows import Context, context_of
from gisteval.models.text.tokens import PromptTokenizer
from gisteval.prompts import ChatTemplate
from gisteval.records.schema import Example
from gisteval.records.store import only_writer
from gisteval.training.batch_format import BATCH_FORMATS, BatchFormat
from gisteval.training.health import GistHealth, gist_history
from gisteval.training.recipe import Recipe
from gisteval.training.rows import TrainingRow, TrainingRows, build_rows, loss_history
from gisteval.training.settings import training_arguments, training_optimizer, training_precision
from gisteval.training.spans import span_rows
from gisteval.training.start import starting_architecture, starting_model
from gisteval.training.trainer import RowTrainer
from gisteval.training.unfinished import (
    full_disk_as_expected_error,
    last_saved_step,
    record_recipe,
    unfinished_folder,
)

log = logging.getLogger(__name__)

DEFAULT_PACK = 4
"""Continuations of one instruction that share a row, if the architecture allows it."""


def train(recipe: Recipe, examples: Sequence[Example], output: Path) -> GistRecord:
    """Train one checkpoint and write it to `output`.

    An interrupted training of the same recipe is continued from its last saved step.

    Args:
        recipe: What to train, and how.
        examples: Training examples.
        output: Folder of the checkpoint.

    Returns:
        The checkpoint's record, as written into its folder.

    Raises:
        GistevalError: The recipe can't be followed, another process trains in this folder, or the disk is
            full. Saved steps stay, and the same command continues from them.
    """
    leftover = unfinished_folder(output)
    if (output / GIST_FILE).exists():
        record = read_record(output, None, None)
        is_same = record.training.get("recipe") == recipe.model_dump(exclude_none=True)
        if not is_same or not leftover.is_dir():
            raise GistevalError(
                f"{output} already holds a checkpoint: choose another --output or delete it"
            )
        with only_writer(leftover):  # it was stopped after its checkpoint was whole
            shutil.rmtree(leftover)
        return record
    with only_writer(unfinished_folder(output)), full_disk_as_expected_error(output):
        return _train(recipe, examples, output)


def _train(recipe: Recipe, examples: Sequence[Example], output: Path) -> GistRecord:
    record_recipe(output, recipe)
    set_seed(recipe.seed)
    architecture = starting_architecture(recipe)
    batch_format = BATCH_FORMATS[architecture]
    pack = _pack(recipe, batch_format, architecture)
    if recipe.segments is not None and architecture is not DECODER:
        raise GistevalError(
            f"segments: an {architecture.name} model sees its prompt at once: leave segments out"
        )
    model, tokenizer = starting_model(recipe, examples, architecture.template)
    template = ChatTemplate(recipe.chat_template) if recipe.chat_template else architecture.template
    tokens = PromptTokenizer(tokenizer, template, recipe.k, architecture.closes_input)
    context = context_of(model.config) if architecture is DECODER else Context(sys.maxsize, "")
    rows, too_long = _rows(recipe, examples, tokens, pack, context)
    precision = training_precision(recipe)
    trainer = _trainer(recipe, model, rows, batch_format, precision, output)
    if recipe.condition == "gist" and recipe.segments is None:
        trainer.add_callback(GistHealth(architecture, tokens, rows))
    began = time.time()
    _run_to_end(trainer, recipe.steps, last_saved_step(output))
    training = {
        "recipe": recipe.model_dump(exclude_none=True),
        "examples": len(examples),
        "rows": len(rows),
        "left_out": too_long,
        "parameters": sum(p.numel() for p in model.parameters()),
        "seconds": round(time.time() - began, 1),
        "threads": torch.get_num_threads(),
        "precision": precision,
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "loss": loss_history(trainer.state.log_history),
    }
    if looked := gist_history(trainer.state.log_history):
        training["gists"] = looked
    record = GistRecord(
        recipe.family,
        recipe.condition,
        recipe.k,
        template,
        recipe.base,
        recipe.leak_window,
        training,
        recipe.rule.segments,
    )
    save_checkpoint(output, model, tokenizer, record, DTYPES[recipe.save_dtype])
    shutil.rmtree(unfinished_folder(output))
    return record


def _run_to_end(trainer: RowTrainer, steps: int, saved: str | None) -> None:
    """Train, from the saved step on if there is one."""
    if saved is not None:
        state = TrainerState.load_from_json(str(Path(saved) / "trainer_state.json"))
        if (
            state.global_step >= steps
        ):  # only the checkpoint is missing, and the Trainer would do another step
            trainer._load_from_checkpoint(saved)
            trainer.state = state
            return
    trainer.train(resume_from_checkpoint=saved)


def _pack(recipe: Recipe, batch_format: BatchFormat, architecture: Architecture) -> int:
    if batch_format.packs:
        return recipe.pack or DEFAULT_PACK
    if recipe.pack not in (None, 1):
        raise GistevalError(f"pack: can only be 1 for an {architecture.name} model, not {recipe.pack}")
    return 1


def _rows(
    recipe: Recipe, examples: Sequence[Example], tokens: PromptTokenizer, pack: int, context: Context
) -> tuple[list[TrainingRow], int]:
    """The training rows, and the number of examples that are too long."""
    limits = recipe.max_length, context.tokens, recipe.rule
    if recipe.spans is None:
        rows, too_long = build_rows(examples, tokens, pack, *limits)
    else:
        rows, too_long = span_rows(examples, tokens, recipe.spans, recipe.seed, *limits)
    if not rows:
        raise GistevalError(
            f"no training row fits into max_length {recipe.max_length} and a context of {context.tokens}"
            f"{context.limit}"
        )
    if too_long:
        what = "examples" if recipe.spans is None else "spans"
        log.warning("%d %s are longer than max_length or the context and are left out", too_long, what)
    return rows, too_long


def _trainer(
    recipe: Recipe,
    model: PreTrainedModel,
    rows: Sequence[TrainingRow],
    batch_format: BatchFormat,
    precision: str,
    output: Path,
) -> RowTrainer:
    if precision == "bfloat16" and not torch.cuda.is_available():
        model.set_attn_implementation("eager")  # on a CPU, sdpa's backward pass in bfloat16 is 3x slower
    return RowTrainer(
        model=model,
        args=training_arguments(recipe, precision, unfinished_folder(output)),
        train_dataset=TrainingRows(rows),
        data_collator=batch_format.collator(recipe.rule, recipe.k, model),
        optimizers=(training_optimizer(model, recipe), None),
        loss=batch_format.loss,
    )
