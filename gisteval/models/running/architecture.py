"""Which architecture a checkpoint has, from its configuration alone; adapters are chosen by it, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from gisteval.errors import GistevalError
from gisteval.models.running.families import T5_KIND, decoder_refusal, encoder_decoder_refusal
from gisteval.prompts import Template

if TYPE_CHECKING:
    from transformers import PretrainedConfig


ArchitectureName = Literal["decoder-only", "encoder-decoder"]


@dataclass(frozen=True, slots=True)
class Architecture:
    """What an architecture asks for.

    Attributes:
        name: Its kind.
        template: The paper's for this architecture.
        closes_input: An end token follows each input.
        caches_prompts: A whole prompt's states can be kept, whatever input follows.
    """

    name: ArchitectureName
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
    kind = str(config.get("model_type"))
    if config.get("is_encoder_decoder") or kind in T5_KIND:
        reason, found = encoder_decoder_refusal(kind), ENCODER_DECODER
    else:
        reason, found = decoder_refusal(config), DECODER
    if reason is not None:
        raise GistevalError(f"{where}: {found.name} models of type {kind} are not supported: {reason}")
    return found


def check_parsed(config: PretrainedConfig, architecture: Architecture, where: str) -> None:
    """The same with the defaults that a config.json leaves out, and with what transformers has a class for.

    Raises GistevalError.
    """
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    kind = config.model_type
    found = architecture_of(config.to_dict(), where)
    if found is DECODER is architecture and kind not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        raise GistevalError(
            f"{where}: models of type {kind} are not supported: transformers lists no causal language "
            "model of that type"
        )
