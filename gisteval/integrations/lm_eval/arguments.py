"""What the arguments of the lm-eval model mean for a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from gisteval.compressors.base import Compressor, check_budget
from gisteval.compressors.spec import CompressorSpec, settings_of
from gisteval.errors import GistevalError, did_you_mean
from gisteval.integrations.lm_eval.parts import Rule, parse_rule
from gisteval.integrations.lm_eval.tokens import TaskTokens
from gisteval.models.checkpoints.checkpoint import Checkpoint
from gisteval.models.checkpoints.loading import load_placed
from gisteval.models.checkpoints.placement import Placement, choose_placement
from gisteval.models.running.decoder import DecoderModel
from gisteval.prompts import Template
from gisteval.records.budget import Budget
from gisteval.registry import CONDITION_COMPRESSOR, UNCOMPRESSED


def rule_of(compress: str | None, checkpoint: Checkpoint) -> Rule | None:
    """Return the rule that the user gave, or else what the checkpoint was trained to compress.

    Raises:
        GistevalError: The rule is wrong, or a checkpoint with a chat template needs one.
    """
    if compress is not None:
        return parse_rule(compress)
    template = checkpoint.record.template
    if checkpoint.record.condition is None:
        return None
    if not isinstance(template, Template):
        raise GistevalError(
            f"{checkpoint.path} reads instructions through a chat template: say what is compressed with "
            "compress=until:TEXT or before:TEXT (and pass --apply_chat_template)"
        )
    return Rule("until", template.instruction)


def compressor_spec(compressor: str | None, checkpoint: Checkpoint, rule: Rule | None) -> str:
    """Return the compressor's spec: the user's, or else that of the checkpoint's condition.

    Args:
        compressor: The user's spec, if any.
        checkpoint: The checkpoint.
        rule: What is compressed. None means nothing.

    Raises:
        GistevalError: There is a rule without a compressor, or a compressor without a rule.
    """
    condition = checkpoint.record.condition
    if compressor is None and condition is None and rule is not None:
        raise GistevalError(
            f"{checkpoint.path} has no condition: say how its prompts are compressed with compressor=NAME"
        )
    if compressor is not None and rule is None:
        raise GistevalError(
            f"compressor={compressor} needs a part to compress: give compress=until:TEXT or before:TEXT"
        )
    return compressor or CONDITION_COMPRESSOR.get(condition or "", UNCOMPRESSED)


def choose_compressor(
    spec: str, settings: Mapping[str, object], arguments: Sequence[str], budget: Budget | None
) -> tuple[str, Compressor]:
    """Build a compressor.

    Args:
        spec: Its spec.
        settings: Further settings, given as arguments of the model.
        arguments: Names of the model's own arguments, for an error message.
        budget: Its budget.

    Returns:
        The canonical spec, and the compressor.

    Raises:
        GistevalError: A setting is unknown or wrong, or the compressor does not accept the budget.
    """
    known = [*arguments, *(name for name in settings_of(spec) if name not in arguments)]
    for name in settings:
        if name not in known:
            raise GistevalError(
                f"model argument {name!r} is unknown{did_you_mean(name, known)}: choose from "
                f"{', '.join(known)}"
            )
    parsed = CompressorSpec.parse(spec, settings)
    compressor = parsed.build()
    check_budget([] if budget is None else [budget], [compressor])
    return str(parsed), compressor


def place(device: str | None, dtype: str, device_map: str | None, quantize: str | None) -> Placement:
    """Choose device, data type and quantisation.

    lm-eval passes "cuda:0" if the user names no device. Like HFLM, this falls back to what there is.
    """
    missing = device is not None and device.startswith("cuda") and not torch.cuda.is_available()
    unset = device is None or missing or (device_map is not None and device == "cuda:0")
    return choose_placement("auto" if device is None or unset else device, dtype, device_map, quantize)


def load_reader(checkpoint: Checkpoint, placement: Placement, name: str) -> tuple[DecoderModel, TaskTokens]:
    """Load a checkpoint that reads tasks' texts without a template of its own.

    Args:
        checkpoint: The checkpoint.
        placement: Where its weights are loaded.
        name: What the user calls it, for an error message.

    Raises:
        GistevalError: It can't be loaded, or it is an encoder-decoder.
    """
    loaded = load_placed(checkpoint, placement)
    if not isinstance(loaded, DecoderModel):
        raise GistevalError(
            f"{name} is an encoder-decoder: the lm-eval model reads decoder-only checkpoints, "
            "gisteval run evaluates this one"
        )
    tokens = TaskTokens(loaded.tokens.tokenizer, loaded.tokens.template, loaded.tokens.k)
    return DecoderModel(loaded.model, tokens, loaded.leak_window), tokens


def row_limit(batch_size: int | str, most: int | None) -> int | None:
    """Return the rows of a batch. None means as many as there is room for.

    Args:
        batch_size: A number, or "auto" or "auto:4".
        most: Most rows of an "auto" batch.

    Raises:
        GistevalError: The batch size is neither.
    """
    text = str(batch_size)
    if text.split(":")[0] == "auto":
        return most
    if not text.isdigit() or int(text) < 1:
        raise GistevalError(f"batch_size must be auto or a positive number, not {batch_size!r}")
    return int(text)
