"""Batches that outgrow memory, and checkpoints whose logits are no numbers: the rest of the run stands."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest

EXAMPLES = [(f"say {'cats ' * (n % 7)}{n}", "dogs " * (n % 5), f"yes {n}") for n in range(24)]
POISON = "Z"


@pytest.fixture
def task(tmp_path: Path, write_task) -> Path:
    return write_task(tmp_path / "task", EXAMPLES)


def test_a_run_out_of_memory_goes_on_with_smaller_batches(
    tiny_suite, task, tmp_path: Path, gisteval, records, monkeypatch
) -> None:
    import torch

    from gisteval.compressors.gist.gist import Gist
    from gisteval.generation import answering as generation

    command = ("run", "--model", tiny_suite, "--task", task, "--output")
    assert gisteval(*command, tmp_path / "whole").code == 0
    sizes = []

    def answers(model, batch, decoding, real=generation._answers):
        sizes.append(len(batch))
        if len(batch) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return real(model, batch, decoding)

    def compress(self, model, instructions, budget, real=Gist.compress):
        if len(instructions) > 8:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")
        return real(self, model, instructions, budget)

    monkeypatch.setattr(generation, "_answers", answers)
    monkeypatch.setattr(Gist, "compress", compress)
    outcome = gisteval(*command, tmp_path / "halved")
    assert outcome.code == 0, outcome.err
    assert max(sizes) == 24 and min(sizes) <= 4
    halved, whole = (records(tmp_path / name) for name in ("halved", "whole"))
    for name, lines in whole.items():
        for line, expected in zip(halved.pop(name), lines, strict=True):
            record, other = json.loads(line), json.loads(expected)
            # A loss is rounded to six digits; the last one may fall the other way in another batch.
            assert record.pop("nll") == pytest.approx(other.pop("nll"), rel=1e-5)
            assert record == other
    assert not halved


@pytest.fixture
def poisoned(tiny_suite, tmp_path: Path) -> Path:
    """A suite whose gist-1 knows no number for one token: whatever reads it becomes NaN."""
    from safetensors.torch import load_file, save_file
    from transformers import AutoTokenizer

    suite = tmp_path / "suite"
    shutil.copytree(tiny_suite, suite)
    (token,) = set(AutoTokenizer.from_pretrained(suite / "gist-1")(POISON)["input_ids"]) - {None}
    tensors = load_file(suite / "gist-1" / "model.safetensors")
    tensors["model.embed_tokens.weight"][token] = math.nan
    save_file(tensors, suite / "gist-1" / "model.safetensors", metadata={"format": "pt"})
    return suite


def test_logits_that_are_no_numbers_name_system_and_example_and_cost_no_other_record(
    poisoned, write_task, tmp_path: Path, refused
) -> None:
    # The self-check reads ten examples of all lengths, of 30: the poison is in none of them.
    texts = [(f"say {'cats ' * n}", POISON if n == 12 else "dog", "yes") for n in range(30)]
    task = write_task(tmp_path / "poisoned-task", texts)
    run = tmp_path / "run"
    command = ("run", "--model", poisoned / "gist-1", "--task", task, "--batch-size", 4, "--output", run)
    line = refused(*command, code=4)
    assert "tiny-gist-1 on small-test-0013: the logits are not finite" in line
    assert "what was written is kept" in line
    file = run / "generations" / "tiny-gist-1.jsonl"
    kept = [json.loads(text) for text in file.read_text().splitlines()]
    assert len(kept) % 4 == 3  # whole batches, and the three beside the poison
    assert "small-test-0013" not in {record["example"] for record in kept}
    assert all(math.isfinite(record["nll"]) for record in kept)
    before = file.read_bytes()
    assert refused(*command, code=4) == line  # it is never taken for an answer
    assert file.read_bytes() == before
