"""Tokens and FLOPs of a system on a split, against what a run makes and torch counts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from gisteval.generation.answering import Decoding, answer_all
from gisteval.generation.outcomes import Answer
from gisteval.models.checkpoints.loading import load_model
from gisteval.pipeline.estimate.split_cost import count_lengths, split_cost
from gisteval.registry import COMPRESSORS
from gisteval.suite import SuiteOptions, build_suite
from gisteval.tasks import load_task

RATE = ("--flops-per-second", "1e9")


@pytest.fixture(params=["llama", "t5"])
def suite(request, tiny_suite, t5_suite) -> Path:
    """A suite of each architecture."""
    return {"llama": tiny_suite, "t5": t5_suite}[request.param]


@pytest.mark.parametrize("compressor", [(), ("--compressor", "truncate", "--budget", 3)])
def test_tokens_are_those_of_the_run(suite, tiny_task, tmp_path, gisteval, dry_run, compressor) -> None:
    arguments = ("run", "--model", suite, "--task", tiny_task, "--judge", "none", *compressor)
    arguments = (*arguments, "--output", tmp_path / "run")
    estimated = dry_run(*arguments, *RATE)
    assert list(tmp_path.iterdir()) == []
    assert gisteval(*arguments).code == 0
    by_id = {f"tiny-test-{number + 1:04}": number for number in range(24)}
    assert len(estimated["estimates"]) == len(list((tmp_path / "run" / "generations").iterdir()))
    for item in estimated["estimates"]:
        file = tmp_path / "run" / "generations" / f"{item['system']}.jsonl"
        records = [json.loads(line) for line in file.read_text().splitlines()]
        tokens = item["tokens"]
        # Examples n and n + 8 of the task share an instruction.
        prompts = {by_id[r["example"]] % 8: r["source_tokens"] for r in records}
        assert (item["examples"], item["too_long"]) == (len(records), 0)
        assert item["instructions"] == len(prompts) == 8
        assert tokens["prompt"] == sum(prompts.values()) + item["k"] * len(prompts)
        assert tokens["kept"] == sum(record["kept"] for record in records)
        assert tokens["reference"] == sum(record["target_tokens"] for record in records)
        made = sum(record["output_tokens"] + record["finished"] for record in records)
        assert made <= tokens["output_most"] == 6 * 24
        assert tokens["output"] == sum(min(6, record["target_tokens"]) for record in records)


@pytest.mark.parametrize(
    ("compressor", "leak_window"), [("gist", 0), ("gist", 2), ("full", 0), ("empty", 0), ("truncate", 0)]
)
def test_flops_are_those_that_torch_counts_in_a_run(
    suite, tiny_task, compressor: str, leak_window: int
) -> None:
    """Each example by itself, so nothing is padded; nobody stops, so outputs are as long as they may be."""
    system = build_suite(suite / "gist-3", SuiteOptions()).evaluated[0]
    record = replace(system.checkpoint.record, leak_window=leak_window)
    system = replace(system, compressor=compressor, checkpoint=replace(system.checkpoint, record=record))
    model = load_model(system.checkpoint, torch.device("cpu"), torch.float32).endless()
    model.model.set_attn_implementation("eager")  # the fused attention of a CPU is not counted by torch
    examples = list(load_task(str(tiny_task)).examples("test"))
    examples = [examples[index] for index in (0, 3, 8, 11)]  # two instructions, each of them twice
    found = COMPRESSORS.load(compressor)()
    with FlopCounterMode(display=False) as counter:
        for instruction in dict.fromkeys(example.instruction for example in examples):
            same_instruction = [example for example in examples if example.instruction == instruction]
            for batch in answer_all(model, found, None, same_instruction, Decoding(4, batch_size=1)):
                assert all(isinstance(answer, Answer) for answer in batch)
    cost = split_cost(system, "test", count_lengths(system.checkpoint, examples), 4)
    assert cost.flops is not None
    assert cost.flops.most.matrix == counter.get_total_flops()
    assert cost.flops.expected.matrix <= cost.flops.most.matrix
