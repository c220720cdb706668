"""`gisteval export-prefix`: a compressed prompt as a file that a stock engine loads.

For transformers the file is safetensors: `keys.N` and `values.N` of layer N, (1, key-value heads, slots,
head size), which is what its `DynamicCache` takes, and texts that say how to go on behind them. For
llama.cpp it is a slot file of its server (`slot_file`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from gisteval.compressors.base import check_budget
from gisteval.config import RunConfig
from gisteval.errors import GistevalError
from gisteval.models.checkpoints.loading import load_placed
from gisteval.models.checkpoints.placement import choose_placement
from gisteval.models.running.decoder import DecoderModel
from gisteval.models.running.exported import Exported, exported
from gisteval.models.running.slot_file import slot_file
from gisteval.pipeline.compress import checkpoint_of, methods_of
from gisteval.prompts import Template
from gisteval.records.budget import parse_budgets
from gisteval.records.store import write_atomic

ENGINES = ("transformers", "llama.cpp")

TOLERANCE = 1e-3
"""Largest difference of a logit in float32 between the stock model behind the file and our own pass."""

FORMAT = "gisteval-prefix-1"

PLACEHOLDER = 0
"""The token that stands for a slot in the prompts of requests to llama.cpp."""

OTHERS = {
    "openvino": "its pipelines take no states from outside",
    "vllm": "its cache is looked up by the tokens of a prompt",
}
"""Engines that take no states of ours, and why: docs/costs.md."""


@dataclass(frozen=True, slots=True)
class PrefixFile:
    """A file that was written.

    Attributes:
        file: Where.
        slots: Of each layer and head.
        moved: Positions by which the slots were moved.
        bytes: Of the file.
        difference: Largest difference of a logit between the stock model behind it and our own pass.
        compressor: The compressor's spec.
        dtype: Of the states.
    """

    file: Path
    slots: int
    moved: int
    bytes: int
    difference: float
    compressor: str
    dtype: str


def export_prefix(config: RunConfig, prompt: str, engine: str, output: Path, probe: str = "") -> PrefixFile:
    """Compress a prompt, prove that the stock model answers the same behind it, and write it.

    Args:
        config: Its model, compressor, budget and hardware.
        prompt: The instruction.
        engine: Who is to load the file.
        output: The file.
        probe: The input that the proof runs behind the prompt.

    Raises:
        GistevalError: Something does not fit, or the stock model answers otherwise.
    """
    if engine not in ENGINES:
        reason = f" ({OTHERS[engine]}: docs/costs.md)" if engine in OTHERS else ""
        raise GistevalError(f"--engine {engine} can't load a prefix{reason}: choose {', '.join(ENGINES)}")
    if not prompt.strip():
        raise GistevalError("--prompt is empty: give the instruction to compress")
    checkpoint = checkpoint_of(config, needs_tokenizer=True)
    methods = methods_of(config, checkpoint, as_ids=False)
    budgets = parse_budgets(config.budgets)
    if len(methods) != 1 or len(budgets) > 1:
        raise GistevalError("a file holds one compressed prompt: give one --compressor and one --budget")
    check_budget(budgets, methods.values())
    ((spec, method),) = methods.items()
    budget = budgets[0] if budgets else None
    method.check_instructions([prompt], budget)
    placement = choose_placement(config.device, config.dtype, config.device_map, config.quantize)
    model = load_placed(checkpoint, placement)
    if not isinstance(model, DecoderModel):
        raise GistevalError(f"{checkpoint.path} is no decoder-only model: an encoder's states are no cache")
    (compressed,) = method.compress(model, [prompt], budget)
    prefix = exported(model, compressed)
    (inputs,) = model.tokens.continuations([probe])
    ours = model.run([compressed], [inputs]).last_logits[0]
    difference = float((stock_logits(model, prefix, inputs) - ours).abs().max())
    if model.dtype == torch.float32 and not difference <= TOLERANCE:
        raise GistevalError(
            f"behind the exported prefix a stock model's logits differ by {difference:.2g}, more than "
            f"{TOLERANCE:g}: nothing is written; please report the model"
        )
    if engine == "llama.cpp":
        content = slot_file(prefix, model.config.model_type, PLACEHOLDER)
    else:
        content = save(_tensors(prefix), _facts(model, prefix, str(spec), prompt))
    output.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(output, content)
    dtype = str(model.dtype).removeprefix("torch.")
    return PrefixFile(output, prefix.slots, prefix.moved, len(content), difference, str(spec), dtype)


@torch.inference_mode()
def stock_logits(model: DecoderModel, prefix: Exported, inputs: list[int]) -> Tensor:
    """Logits of the next token, (vocabulary,) float32, by the model's own forward pass and cache."""
    ids = torch.tensor([inputs], device=model.device)
    output = model.model(input_ids=ids, past_key_values=prefix.cache(), use_cache=True)
    logits: Tensor = output.logits[0, -1].float()
    return logits


def _tensors(prefix: Exported) -> dict[str, Tensor]:
    tensors = {}
    for number, (keys, values) in enumerate(prefix.layers):
        tensors[f"keys.{number}"] = keys[None].contiguous().cpu()
        tensors[f"values.{number}"] = values[None].contiguous().cpu()
    return tensors


def _facts(model: DecoderModel, prefix: Exported, spec: str, prompt: str) -> dict[str, str]:
    """What whoever loads the file must know, as texts."""
    template = model.tokens.template
    facts = {
        "format": FORMAT,
        "slots": str(prefix.slots),
        "layers": str(len(prefix.layers)),
        "compressor": spec,
        "prompt": prompt,
        "suppress_tokens": json.dumps(model.suppressed_ids),
        "end_tokens": json.dumps(sorted(model.end_ids)),
    }
    if isinstance(template, Template):
        facts |= {"input": template.input, "output": template.output}
    return facts
