"""Arguments, optimizer and precision that a recipe means for Hugging Face's Trainer on this machine."""

from __future__ import annotations

import logging
from pathlib import Path

import torch
from transformers import PreTrainedModel, TrainingArguments

from gisteval.training.optimizer import MuonWithAdamW
from gisteval.training.recipe import Recipe

log = logging.getLogger(__name__)

ADAM_BETA2 = 0.98

CPU_BFLOAT16 = ("amx_bf16", "avx512_bf16", "bf16")
"""torch's names for bfloat16 matrix instructions on x86 and ARM."""


def training_precision(recipe: Recipe) -> str:
    """Return the recipe's precision, but float32 on a CPU that would emulate bfloat16.

    The emulation is some fifty times slower.
    """
    if recipe.precision == "float32" or torch.cuda.is_available():
        return recipe.precision
    capabilities = getattr(torch.cpu, "get_capabilities", None)  # not in older versions of torch
    known = capabilities() if capabilities else {}
    if any(known.get(name) for name in CPU_BFLOAT16):
        return "bfloat16"
    log.warning("this CPU has no bfloat16 arithmetic: training in float32")
    return "float32"


def training_optimizer(model: PreTrainedModel, recipe: Recipe) -> MuonWithAdamW | None:
    """Return the optimizer of a recipe, or None if the Trainer's own AdamW is used."""
    if recipe.optimizer == "adamw":
        return None
    return MuonWithAdamW(
        model, recipe.learning_rate, recipe.matrix_rate, (0.9, ADAM_BETA2), recipe.weight_decay
    )


def training_arguments(recipe: Recipe, precision: str, folder: Path) -> TrainingArguments:
    """Return the Trainer's arguments.

    Args:
        recipe: The recipe.
        precision: "float32" or "bfloat16".
        folder: Folder of the saved steps.
    """
    return TrainingArguments(
        output_dir=str(folder),
        max_steps=recipe.steps,
        per_device_train_batch_size=recipe.rows_per_step,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=round(recipe.warmup * recipe.steps),
        weight_decay=recipe.weight_decay,
        max_grad_norm=recipe.clip,
        adam_beta2=ADAM_BETA2,
        seed=recipe.seed,
        bf16=precision == "bfloat16",
        use_cpu=not torch.cuda.is_available(),
        logging_steps=recipe.log_every,
        save_steps=recipe.save_every,
        save_total_limit=1,
        report_to=[],
        remove_unused_columns=False,
        dataloader_pin_memory=torch.cuda.is_available(),
        disable_tqdm=False,
    )
