"""Evictors on the positive control of the bundled demo suite."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from gisteval.compressors.spec import CompressorSpec
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.models.checkpoints.loading import load_model
from gisteval.records.budget import Budget
from gisteval.tasks.definition import load_task

CHECKPOINT = Path(__file__).parents[3] / "checkpoints" / "wordplay-llama" / "pos_control"


@pytest.fixture(scope="module")
def model():
    return load_model(inspect_checkpoint(CHECKPOINT), torch.device("cpu"), torch.float32)


@pytest.mark.parametrize("spec", ["random", "stride", "knorm"])
@pytest.mark.parametrize("budget", ["5", "25%"])
def test_evicted_is_masked_within_a_ten_thousandth_of_a_nat(model, spec: str, budget: str) -> None:
    """Twenty-four instructions of mixed lengths in one batch, all vocabulary entries of each answer."""
    examples = list(load_task("wordplay").examples("human", 24))
    texts = [example.instruction for example in examples]
    compressor = CompressorSpec.parse(spec).build()
    compressed = compressor.compress(model, texts, Budget.parse(budget))
    inputs = model.tokens.continuations([example.input for example in examples])
    targets = model.tokens.targets([example.output for example in examples])
    running = model.run(compressed, inputs)
    first, losses = running.last_logits.log_softmax(-1), running.nll(targets)
    proof = compressor.proof(model, texts, Budget.parse(budget), compressed)
    masked = model.predictions(proof.prompts, inputs, targets, proof.kept)
    for row, (loss, logits, target) in enumerate(zip(losses, masked, targets, strict=True)):
        logs = logits.log_softmax(-1)
        assert float((first[row] - logs[0]).abs().max()) <= 1e-4
        expected = -logs[:-1].gather(1, torch.tensor(target)[:, None])[:, 0]
        assert float((loss - expected).abs().max()) <= 1e-4
