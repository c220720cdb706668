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
from gisteval.models.checkpoints.placement import Placement
from gisteval.models.running.decoder import DecoderModel
from gisteval.prompts import Template
from gisteval.records.budget import Budget
from gisteval.registry import UNCOMPRESSED


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


def spec_of(
    compressor: str | None,
    settings: Mapping[str, object],
    arguments: Sequence[str],
    checkpoint: Checkpoint,
    rule: Rule | None,
) -> CompressorSpec:
    """Return the compressor's spec: the user's, or else that of the checkpoint's condition.

    Args:
        compressor: The user's spec, if any.
        settings: Further arguments of the model, which must be settings of the compressor.
        arguments: Names of the model's own arguments, for an error message.
        checkpoint: The checkpoint.
        rule: What is compressed. None means nothing.

    Raises:
        GistevalError: There is a rule without a compressor or a compressor without a rule, or a setting is
            unknown or wrong.
    """
    text = _spec_text(compressor, checkpoint, rule)
    known = [*arguments, *(name for name in settings_of(text) if name not in arguments)]
    for name in settings:
        if name not in known:
            raise GistevalError(
                f"model argument {name!r} is unknown{did_you_mean(name, known)}: choose from "
                f"{', '.join(known)}"
            )
    return CompressorSpec.parse(text, settings)


def _spec_text(compressor: str | None, checkpoint: Checkpoint, rule: Rule | None) -> str:
    condition = checkpoint.record.condition
    if compressor is None and condition is None and rule is not None:
        raise GistevalError(
            f"{checkpoint.path} has no condition: say how its prompts are compressed with compressor=NAME"
        )
    if compressor is not None and rule is None:
        raise GistevalError(
            f"compressor={compressor} needs a part to compress: give compress=until:TEXT or before:TEXT"
        )
    return compressor or checkpoint.record.compressor or UNCOMPRESSED


def parse_budget(text: int | str | None, compressor: Compressor) -> Budget | None:
    """Read a budget.

    Raises:
        GistevalError: It is not a budget, or the compressor does not accept it.
    """
    if text is None:
        return None
    budget = Budget.parse(str(text))
    check_budget([budget], [compressor])
    return budget


def device_name(device: str | None, device_map: str | None) -> str:
    """Return the device to use.

    lm-eval passes "cuda:0" if the user names no device. As in HFLM, that stands for what there is.
    """
    missing = device is not None and device.startswith("cuda") and not torch.cuda.is_available()
    unset = missing or (device_map is not None and device == "cuda:0")
    return "auto" if device is None or unset else device


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
