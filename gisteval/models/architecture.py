"""Which architecture a checkpoint has, from its configuration alone; adapters are chosen by it, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gisteval.errors import GistevalError
from gisteval.prompts import Template

T5_KIND = ("t5", "mt5", "umt5")


@dataclass(frozen=True, slots=True)
class Architecture:
    """template: the paper's for this architecture; closes_input: an end token follows each input.

    caches_prompts: a whole prompt's states can be kept, whatever input follows.
    """

    name: str
    template: Template
    closes_input: bool
    caches_prompts: bool


DECODER = Architecture("decoder-only", Template(), closes_input=False, caches_prompts=True)

ENCODER_DECODER = Architecture(
    "encoder-decoder",
    Template(output="", target="{output}"),
    closes_input=True,
    caches_prompts=False,
)
"""The encoder's text ends with the input and an end token, the decoder's is the answer alone."""


def architecture_of(config: Mapping[str, Any], where: str) -> Architecture:
    """By a transformers configuration as a mapping. Raises GistevalError for one without an adapter.

    where: the checkpoint, for the message.
    """
    kind = config.get("model_type")
    if kind in T5_KIND:
        return ENCODER_DECODER
    if config.get("is_encoder_decoder"):
        raise GistevalError(
            f"{where}: encoder-decoder models of type {kind} are not supported, only {', '.join(T5_KIND)}: "
            "their encoders have relative positions, which gists can be cached under"
        )
    return DECODER
