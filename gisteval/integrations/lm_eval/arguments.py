"""What the model's arguments mean for a checkpoint. Each raises GistevalError for what can't be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from gisteval.compressors.base import Compressor, check_budget
from gisteval.compressors.spec import CompressorSpec, settings_of
from gisteval.errors import GistevalError, did_you_mean
from gisteval.integrations.lm_eval.parts import Rule, parse_rule
from gisteval.models.checkpoints.checkpoint import Checkpoint
from gisteval.prompts import Template
from gisteval.records.budget import Budget
from gisteval.registry import CONDITION_COMPRESSOR, UNCOMPRESSED


def rule_of(compress: str | None, checkpoint: Checkpoint) -> Rule | None:
    """The rule that was given, else what the checkpoint was trained to compress."""
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
    given: str | None,
    settings: Mapping[str, Any],
    parameters: Iterable[str],
    checkpoint: Checkpoint,
    rule: Rule | None,
) -> CompressorSpec:
    """The compressor that was asked for.

    Args:
        given: Its spec, if there was one.
        settings: Further arguments, which must be settings of it.
        parameters: Names of the model's own arguments.
        checkpoint: What is read.
        rule: What is compressed.
    """
    text = _spec_text(given, checkpoint, rule)
    _check_settings(text, settings, parameters)
    return CompressorSpec.parse(text, settings)


def _spec_text(given: str | None, checkpoint: Checkpoint, rule: Rule | None) -> str:
    """The spec that was given, else the condition's own, or one that keeps all where there is no rule."""
    condition = checkpoint.record.condition
    if given is None and condition is None and rule is not None:
        raise GistevalError(
            f"{checkpoint.path} has no condition: say how its prompts are compressed with compressor=NAME"
        )
    if given is not None and rule is None:
        raise GistevalError(
            f"compressor={given} needs a part to compress: give compress=until:TEXT or before:TEXT"
        )
    return given or CONDITION_COMPRESSOR.get(condition or "", UNCOMPRESSED)


def _check_settings(spec: str, given: Iterable[str], parameters: Iterable[str]) -> None:
    """Refuse an argument that is neither one of the model's parameters nor a setting of the compressor."""
    known = [name for name in parameters if name not in ("self", "settings")]
    known += [name for name in settings_of(spec) if name not in known]
    for name in given:
        if name not in known:
            raise GistevalError(
                f"model argument {name!r} is unknown{did_you_mean(name, known)}: choose from "
                f"{', '.join(known)}"
            )


def parse_budget(text: int | str | None, method: Compressor) -> Budget | None:
    """The budget that was given, which the compressor must take."""
    if text is None:
        return None
    budget = Budget.parse(str(text))
    check_budget([budget], [method])
    return budget


def device_name(device: str | None, device_map: str | None) -> str:
    """The device that was asked for. lm-eval says "cuda:0" unless told; like HFLM, take what there is."""
    missing = device is not None and device.startswith("cuda") and not torch.cuda.is_available()
    unsaid = missing or (device_map is not None and device == "cuda:0")
    return "auto" if device is None or unsaid else device


def row_limit(batch_size: int | str, most: int | None) -> int | None:
    """Rows of a batch; None ("auto", "auto:4") for as many as there is room for."""
    text = str(batch_size)
    if text.split(":")[0] == "auto":
        return most
    if not text.isdigit() or int(text) < 1:
        raise GistevalError(f"batch_size must be auto or a positive number, not {batch_size!r}")
    return int(text)
