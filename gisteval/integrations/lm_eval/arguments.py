"""What the model's arguments mean for a checkpoint. Each raises GistevalError for what can't be."""

from __future__ import annotations

from gisteval.errors import GistevalError
from gisteval.integrations.lm_eval.parts import Rule, parse_rule
from gisteval.models.checkpoints.checkpoint import Checkpoint
from gisteval.prompts import Template
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


def compressor_spec(given: str | None, checkpoint: Checkpoint, rule: Rule | None) -> str:
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


def row_limit(batch_size: int | str, most: int | None) -> int | None:
    """Rows of a batch; None ("auto", "auto:4") for as many as there is room for."""
    text = str(batch_size)
    if text.split(":")[0] == "auto":
        return most
    if not text.isdigit() or int(text) < 1:
        raise GistevalError(f"batch_size must be auto or a positive number, not {batch_size!r}")
    return int(text)
