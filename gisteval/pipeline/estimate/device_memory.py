"""The memory that a run's tensors take at most, before there are weights, for `--dry-run`.

The run's own code plans its batches and walks the largest one on torch's meta device, where tensors have
sizes and no numbers. So what is weighed is what will be run. The self-check's ten rows are left out, and
so is what a kernel takes for itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import torch

from gisteval.compressors.base import Compressor
from gisteval.generation.answering import Decoding, Window, plan_windows
from gisteval.models.checkpoints.checkpoint import Checkpoint
from gisteval.models.checkpoints.loading import load_tokens
from gisteval.models.running.architecture import DECODER
from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import CompressedPrompt
from gisteval.models.running.decoder import DecoderModel
from gisteval.models.running.decoder_continuation import DecoderContinuation
from gisteval.pipeline.estimate.split_cost import model_shape
from gisteval.pipeline.run.plan import Plan
from gisteval.profiling.allocation import Allocation
from gisteval.profiling.shapes import parse_config
from gisteval.records.schema import Example
from gisteval.suite import System


@dataclass(frozen=True, slots=True)
class DeviceMemory:
    """Bytes that a system takes on its device.

    Attributes:
        weights: Of the weights.
        peak: At most at one time, weights included. None if it can't be told.
        rows: Rows of the batch that takes most.
        reason: Why it can't be told, or None.
    """

    weights: int | None
    peak: int | None
    rows: int | None
    reason: str | None = None


def device_memory(plan: Plan) -> dict[str, DeviceMemory]:
    """The memory of each system of a run, by name."""
    found: dict[str, DeviceMemory] = {}
    for system in plan.systems:
        reason = _unknown(plan, system)
        try:
            found[system.name] = _walked(plan, system) if reason is None else _untold(reason)
        except (RuntimeError, NotImplementedError):  # an operator that needs numbers
            found[system.name] = _untold(f"{system.compressor} needs the weights' numbers")
    return found


def _untold(reason: str) -> DeviceMemory:
    return DeviceMemory(None, None, None, reason)


def _unknown(plan: Plan, system: System) -> str | None:
    """Why a system can't be walked without weights."""
    checkpoint = system.checkpoint
    if plan.placement.quantize or plan.placement.device_map:
        return "quantised or spread weights"
    if checkpoint.is_adapter or model_shape(checkpoint) is None:
        return "an adapter, or no config.json"
    if checkpoint.architecture is not DECODER:
        return "an encoder-decoder"
    return None


def _walked(plan: Plan, system: System) -> DeviceMemory:
    network = _weightless(system.checkpoint, plan.placement.dtype)
    weights = sum(part.nbytes for part in (*network.parameters(), *network.buffers()))
    record = system.checkpoint.record
    model = DecoderModel(network, load_tokens(system.checkpoint), record.leak_window)
    largest = DeviceMemory(weights, weights, 0)
    for examples in plan.answers.values():
        batch = _largest_batch(model, system, examples, plan.decoding)
        if batch is not None:
            peak = weights + _peak(model, system, *batch, plan.decoding)
            if peak > (largest.peak or 0):
                largest = DeviceMemory(weights, peak, len(batch[0]))
    return largest


def _weightless(checkpoint: Checkpoint, dtype: torch.dtype) -> Any:
    """The stock model on the meta device."""
    from transformers import AutoModelForCausalLM

    shape = model_shape(checkpoint)
    assert shape is not None
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(parse_config(shape.config), dtype=dtype).eval()


def _largest_batch(
    model: PromptModel, system: System, examples: Sequence[Example], decoding: Decoding
) -> tuple[list[Example], list[str]] | None:
    """The batch with the most columns in all, and the other prompts that are kept beside it."""
    largest, most = None, 0
    for window in plan_windows(model, system.method(), system.budget, examples, decoding):
        if not isinstance(window, Window):
            continue
        for batch in window.batches:
            rows = [examples[index] for index in batch]
            columns = len(rows) * max(sum(lengths) for lengths in model.tokens.lengths(rows))
            if columns > most:
                own = set(_subjects(system.method(), rows))
                kept = {text for group in window.groups for text in group}
                largest, most = (rows, sorted(kept - own)), columns
    return largest


def _subjects(compressor: Compressor, rows: Sequence[Example]) -> list[str]:
    return [compressor.subject(row.instruction, row.input) for row in rows]


@torch.inference_mode()
def _peak(
    model: DecoderModel, system: System, rows: Sequence[Example], beside: Sequence[str], decoding: Decoding
) -> int:
    """Bytes beside the weights: prompts that are kept, compressing, prefill, loss and decoding."""
    compressor = system.method()
    with Allocation() as allocation, _fused_attention():
        own = list(dict.fromkeys(_subjects(compressor, rows)))
        prompts: Mapping[str, CompressedPrompt] = dict(
            zip(own, compressor.compress(model, own, system.budget), strict=True)
        )
        each = sum(prompt.accounting.bytes for prompt in prompts.values()) / len(prompts)
        others = torch.empty(round(each * len(beside)), dtype=torch.uint8, device="meta")
        inputs = model.tokens.continuations([row.input for row in rows])
        running = model.run([prompts[text] for text in _subjects(compressor, rows)], inputs)
        if decoding.with_loss:
            for logits, _ in running.read(model.tokens.targets([row.output for row in rows])):
                logits.log_softmax(-1)
        _decode(running, decoding.max_new_tokens)
        del others
    return int(allocation.peak)


def _decode(running: DecoderContinuation, tokens: int) -> None:
    """Grow the cache as decoding so many tokens does, and run the last of its passes."""
    before = tokens - 2  # the prefill chooses the first token, and the last one is never read
    if before < 1:
        return
    places = running.next_position[:, None] + torch.arange(before, device="meta")
    running.columns = running.columns.followed_by(torch.ones_like(places, dtype=torch.bool), places)
    for layer in running.cache.filled():
        states = layer.keys[:, :, :1], layer.values[:, :, :1]
        for _ in range(before):
            layer.update(*states)
    for _ in running.read([[0, 0]] * running.rows):
        pass


@contextmanager
def _fused_attention() -> Iterator[None]:
    """On the meta device attention would keep a matrix of all scores, which the devices' kernels do not."""

    def attention(
        queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, **_: Any
    ) -> torch.Tensor:
        return queries.new_empty(*queries.shape[:-1], values.shape[-1])

    with patch("torch.nn.functional.scaled_dot_product_attention", attention):
        yield
