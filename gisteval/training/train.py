"""Training: Hugging Face's Trainer, the condition's mask and a collator; nothing else."""

from __future__ import annotations

import errno
import logging
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import SafetensorError
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import nn
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    TrainingArguments,
    set_seed,
)

from gisteval.errors import GistevalError
from gisteval.files.foreign import read_json
from gisteval.masks import MaskRule
from gisteval.models.checkpoints.checkpoint import GIST_FILE, GistRecord, inspect_checkpoint
from gisteval.models.checkpoints.loading import (
    check_family,
    load_tokenizer,
    load_weights,
    resolve,
    save_checkpoint,
)
from gisteval.models.checkpoints.placement import DTYPES
from gisteval.models.checkpoints.vocabulary import fit_vocabulary
from gisteval.models.running.architecture import DECODER, Architecture
from gisteval.models.running.windows import Context, context_of
from gisteval.models.text.tokens import GIST_TOKEN, PromptTokenizer, add_gist_token
from gisteval.prompts import ChatTemplate, Template
from gisteval.records.schema import Example
from gisteval.records.store import disk_error, only_writer, write_json
from gisteval.training.feed import FEEDS, Feed
from gisteval.training.optimizer import MuonWithAdamW
from gisteval.training.recipe import Recipe, build_recipe
from gisteval.training.rows import Rows, build_rows, loss_history
from gisteval.training.scratch import new_model, scratch_architecture
from gisteval.training.trainer import RowTrainer

log = logging.getLogger(__name__)

ADAM_BETA2 = 0.98

TOKENIZER_EXAMPLES = 40_000
"""Examples the byte-level BPE of a new model is learned from."""

CPU_BFLOAT16 = ("amx_bf16", "avx512_bf16", "bf16")
"""torch's names for instructions that multiply in bfloat16, on x86 and ARM."""

DEFAULT_PACK = 4
"""Continuations of one instruction that share a row, where the architecture allows it."""


def train(recipe: Recipe, examples: Sequence[Example], output: Path) -> GistRecord:
    """Train one checkpoint and write it to `output`, resuming if a training there was interrupted.

    Raises GistevalError if the recipe can't be followed, if another process trains there, or if the disk is
    full; what was saved stays, and the same command goes on from it.
    """
    if (output / GIST_FILE).exists():
        raise GistevalError(f"{output} already holds a checkpoint: choose another --output or delete it")
    with only_writer(_scratch_folder(output)), _disk_errors(output):
        return _train(recipe, examples, output)


def _train(recipe: Recipe, examples: Sequence[Example], output: Path) -> GistRecord:
    _claim(output, recipe)
    set_seed(recipe.seed)
    architecture = _architecture(recipe)
    feed = FEEDS[architecture]
    pack = _pack(recipe, feed, architecture)
    model, tokenizer = _start(recipe, examples, architecture.template)
    template = ChatTemplate(recipe.chat_template) if recipe.chat_template else architecture.template
    tokens = PromptTokenizer(tokenizer, template, recipe.k, architecture.closes_input)
    context = context_of(model.config) if architecture is DECODER else Context(sys.maxsize, "")
    rows, too_long = build_rows(examples, tokens, pack, recipe.max_length, context.tokens)
    if not rows:
        raise GistevalError(
            f"no training row fits into max_length {recipe.max_length} and a context of {context.tokens}"
            f"{context.limit}"
        )
    if too_long:
        log.warning("%d examples are longer than max_length or the context and left out", too_long)
    precision = _precision(recipe)
    if precision == "bfloat16" and not torch.cuda.is_available():
        model.set_attn_implementation("eager")  # on a CPU, sdpa's backward pass in bfloat16 is 3x slower
    rule = MaskRule(recipe.condition, recipe.leak_window)
    trainer = RowTrainer(
        model=model,
        args=_arguments(recipe, precision, output),
        train_dataset=Rows(rows),
        data_collator=feed.collator(rule, recipe.k, model),
        optimizers=(_muon(model, recipe), None),
        loss=feed.loss,
    )
    began = time.time()
    trainer.train(resume_from_checkpoint=_last_checkpoint(output))
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
    record = GistRecord(
        recipe.family, recipe.condition, recipe.k, template, recipe.base, recipe.leak_window, training
    )
    save_checkpoint(output, model, tokenizer, record, DTYPES[recipe.save_dtype])
    shutil.rmtree(_scratch_folder(output))
    return record


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE with end and padding tokens; `<GIST>` is added on top."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - 1,
        special_tokens=["<pad>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token="<pad>",
        eos_token="</s>",
        clean_up_tokenization_spaces=False,
    )
    add_gist_token(tokenizer)
    return tokenizer


def _architecture(recipe: Recipe) -> Architecture:
    if recipe.scratch is not None:
        return scratch_architecture(recipe.scratch)
    assert recipe.base is not None
    return inspect_checkpoint(resolve(recipe.base), chat_template=recipe.chat_template).architecture


def _pack(recipe: Recipe, feed: Feed, architecture: Architecture) -> int:
    if feed.packs:
        return recipe.pack or DEFAULT_PACK
    if recipe.pack not in (None, 1):
        raise GistevalError(f"pack: can only be 1 for an {architecture.name} model, not {recipe.pack}")
    return 1


def _start(
    recipe: Recipe, examples: Sequence[Example], template: Template
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The model and tokenizer that training starts from."""
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
    return _with_lora(model, recipe, base_tokenizer), base_tokenizer


def _redraw(model: PreTrainedModel, names: Sequence[str]) -> None:
    """Draw the weights of linear modules anew; names are the last parts of theirs."""
    if names and model.config.is_encoder_decoder:
        raise GistevalError("redraw: not supported for an encoder-decoder model: leave it out")
    linear: dict[str, list[nn.Linear]] = {}
    for path, part in model.named_modules():
        if isinstance(part, nn.Linear):
            linear.setdefault(path.rsplit(".", 1)[-1], []).append(part)
    for name in names:
        if name not in linear:
            raise GistevalError(f"redraw: the base has no linear module {name!r}, but {', '.join(linear)}")
        for part in linear[name]:
            nn.init.normal_(part.weight, std=model.config.initializer_range)


def _with_lora(
    model: PreTrainedModel, recipe: Recipe, tokenizer: PreTrainedTokenizerBase
) -> PreTrainedModel:
    if recipe.lora is None:
        return model
    if model.config.is_encoder_decoder:
        raise GistevalError("lora: not supported for an encoder-decoder model: train all its weights")
    from peft import LoraConfig, get_peft_model

    embedding = next(name for name, part in model.named_modules() if part is model.get_input_embeddings())
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=recipe.lora.r,
        lora_alpha=recipe.lora.alpha,
        lora_dropout=recipe.lora.dropout,
        target_modules="all-linear",
        trainable_token_indices={
            embedding.rsplit(".", 1)[-1]: [tokenizer.convert_tokens_to_ids(GIST_TOKEN)]
        },
    )
    adapted: PreTrainedModel = get_peft_model(model, config)
    return adapted


def _muon(model: PreTrainedModel, recipe: Recipe) -> MuonWithAdamW | None:
    """None leaves AdamW to the Trainer."""
    if recipe.optimizer == "adamw":
        return None
    return MuonWithAdamW(
        model, recipe.learning_rate, recipe.matrix_rate, (0.9, ADAM_BETA2), recipe.weight_decay
    )


def _precision(recipe: Recipe) -> str:
    """The recipe's, but float32 where a CPU would only emulate bfloat16, some fifty times slower."""
    if recipe.precision == "float32" or torch.cuda.is_available():
        return recipe.precision
    capabilities = getattr(torch.cpu, "get_capabilities", None)  # an older torch has none, and can't tell
    known = capabilities() if capabilities else {}
    if any(known.get(name) for name in CPU_BFLOAT16):
        return "bfloat16"
    log.warning("this CPU has no arithmetic for bfloat16: training in float32")
    return "float32"


def _arguments(recipe: Recipe, precision: str, output: Path) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(_scratch_folder(output)),
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


def _scratch_folder(output: Path) -> Path:
    return output / "unfinished"


def _claim(output: Path, recipe: Recipe) -> None:
    """Refuse a folder that holds another recipe's unfinished training."""
    folder = _scratch_folder(output)
    mark = folder / "recipe.json"
    before = _read_json(mark)
    if before is not None and build_recipe(before, str(mark)) != recipe:
        raise GistevalError(
            f"{folder} belongs to a training with another recipe: delete it to start afresh"
        )
    if before is None and any(folder.glob("checkpoint-*")):
        raise GistevalError(f"{mark} is missing or damaged: delete {folder} to start afresh")
    write_json(mark, recipe.model_dump())


def _last_checkpoint(output: Path) -> str | None:
    """The newest saved step that is whole; the state, written last, tells one that was cut short."""
    folders = _scratch_folder(output).glob("checkpoint-*")
    complete = [folder for folder in folders if _read_json(folder / "trainer_state.json") is not None]
    newest = max(complete, key=lambda folder: int(folder.name.split("-")[1]), default=None)
    return str(newest) if newest else None


def _read_json(file: Path) -> dict[str, Any] | None:
    """A file's JSON object; None if it is missing or was cut short."""
    try:
        content = read_json(file)
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


@contextmanager
def _disk_errors(output: Path) -> Iterator[None]:
    """A full disk in one line; safetensors and torch (inline_container) have errors of their own."""
    try:
        yield
    except OSError as error:
        raise disk_error(output, error) from error
    except (RuntimeError, SafetensorError) as error:
        text = str(error)
        if "No space left" not in text and "inline_container" not in text:
            raise
        raise disk_error(output, OSError(errno.ENOSPC, text)) from error
