"""What --dry-run says, against what a run then does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gisteval.config import RunConfig
from gisteval.judging.protocol import Matchup, comparisons
from gisteval.pipeline.estimate.run_cost import Rates, RunCost, estimate_run
from gisteval.pipeline.estimate.text import dollars_text, duration_text
from gisteval.pipeline.judge.cost import judge_cost
from gisteval.pipeline.judge.options import JudgeOptions
from gisteval.pipeline.judge.prepared import prepare_judge
from gisteval.pipeline.run.plan import plan_run

RATE = ("--flops-per-second", "1e9")


@pytest.fixture
def dry_run(gisteval) -> Callable[..., dict[str, Any]]:
    """The parsed JSON of a dry run that must end well."""

    def call(*arguments: object) -> dict[str, Any]:
        outcome = gisteval(*arguments, "--dry-run", "--json")
        assert outcome.code == 0, outcome.err
        return json.loads(outcome.out)

    return call


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
    from dataclasses import replace

    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from gisteval.generation.answering import Answer, Decoding, answer_all
    from gisteval.models.checkpoints.loading import load_model
    from gisteval.pipeline.estimate.split_cost import count_lengths, split_cost
    from gisteval.registry import COMPRESSORS
    from gisteval.suite import SuiteOptions, build_suite
    from gisteval.tasks import load_task

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


def test_time_and_dollars_follow_from_the_rates(tiny_suite, tiny_task, dry_run) -> None:
    arguments = ("run", "--model", tiny_suite, "--task", tiny_task, "--limit", 5)
    found = dry_run(*arguments, *RATE, "--dollars-per-hour", 7.2)
    phases = [item["flops"] for item in found["estimates"]]
    expected, most = found["worker"]["expected"], found["worker"]["most"]
    parts = ("compress", "prefill", "loss")
    assert expected["flops"] == sum(p["decode"] + sum(p[name] for name in parts) for p in phases)
    assert most["flops"] == sum(p["decode_most"] + sum(p[name] for name in parts) for p in phases)
    assert expected["seconds"] == pytest.approx(expected["flops"] / 1e9)
    assert expected["dollars"] == pytest.approx(expected["seconds"] * 0.002)
    assert sum(item["most"]["flops"] for item in found["estimates"]) == most["flops"]
    assert found["judge"]["dollars_most"] == 0
    assert found["generations"] == 20


def test_without_a_rate_this_machine_is_measured(tiny_suite, tiny_task, gisteval, dry_run) -> None:
    arguments = ("run", "--model", tiny_suite, "--task", tiny_task, "--limit", 5)
    found = dry_run(*arguments)
    assert found["flops_per_second"] > 1e6
    assert found["flops_per_second_source"].startswith("measured, the best of 5 products of 1024 x 1024")
    assert found["worker"]["expected"]["dollars"] is None
    text = gisteval(*arguments, "--dry-run").out
    assert "one worker: " in text
    assert "FLOP/s (measured" in text
    assert "tiny-gist-3" in text


def test_examples_beyond_the_context_are_left_out(tiny_suite, tmp_path, write_task, dry_run) -> None:
    examples = [("say cats", "dogs", "yes"), ("say cats", "dogs " * 300, "yes")]
    task = write_task(tmp_path / "task", examples)
    found = dry_run("run", "--model", tiny_suite, "--task", task, *RATE)
    assert {(item["examples"], item["too_long"]) for item in found["estimates"]} == {(1, 1)}
    assert "tiny-gist-1 on test: 1 example exceeds the context" in found["estimate_notes"]


def test_without_a_closed_form_tokens_are_counted(write_suite, tiny_task, dry_run, gisteval) -> None:
    arguments = ("run", "--model", write_suite("gpt2"), "--task", tiny_task, *RATE)
    found = dry_run(*arguments)
    assert all(item["flops"] is None and item["tokens"]["prompt"] for item in found["estimates"])
    assert any("FLOPs left out, since there is no closed form" in note for note in found["estimate_notes"])
    assert gisteval(*arguments, "--dry-run").code == 0


def estimated(**fields: Any) -> RunCost:
    return estimate_run(plan_run(RunConfig(**fields)), Rates(1e9))


@pytest.mark.parametrize("judge", ["openai", "chatgpt-2023"])
def test_a_paid_judge_is_asked_at_most_so_often(tiny_suite, tiny_task, judge: str) -> None:
    plan = plan_run(RunConfig(models=(str(tiny_suite),), task=str(tiny_task), judge=judge))
    prepared = prepare_judge(JudgeOptions(judge=judge))
    cost = judge_cost(plan, prepared)
    examples = {example.content_id: example for example in plan.examples["test"]}
    texts = {system.name: {pair: f"{system.name} {pair}" for pair in examples} for system in plan.systems}
    expected = 0
    for system, own in texts.items():
        control = plan.references[system]
        matchup = Matchup("tiny", "test", system, control, examples, own, texts[control])
        expected += sum(
            1 for _ in comparisons(matchup, "", prepared.judge.orders, prepared.judge.definition.again)
        )
    assert cost.looks == expected
    limit = {"openai": 400, "chatgpt-2023": 200}[judge]
    assert cost.completion_tokens_most == expected * limit
    # Each request holds the judge's own text, and a few hundred characters of the pair.
    own_tokens = (len(prepared.judge.system) + len(prepared.judge.prompt)) / 4
    assert own_tokens < cost.prompt_tokens / expected < own_tokens + 250
    assert prepared.price is not None
    assert cost.dollars_most == pytest.approx(
        (cost.prompt_tokens * prepared.price.input + cost.completion_tokens_most * prepared.price.output)
        / 1e6
    )


def test_what_it_can_not_know_is_said(tiny_suite, tiny_task) -> None:
    fields = {"models": (str(tiny_suite),), "task": str(tiny_task)}
    assert estimated(**fields, judge="none").judge is None
    assert estimated(**fields, judge="reference").notes == ()
    assert estimated(**fields, profile=True).notes == ("the passes of --profile are not counted",)


def test_rates_are_checked(tiny_suite, tiny_task, refused) -> None:
    arguments = ("run", "--model", tiny_suite, "--task", tiny_task)
    assert "need --dry-run" in refused(*arguments, "--dollars-per-hour", 1)
    assert "must be greater than 0" in refused(*arguments, "--dry-run", "--flops-per-second", 0)
    assert "must be greater than 0" in refused(*arguments, "--dry-run", "--dollars-per-hour", "inf")


def test_a_sweep_counts_what_is_open(tiny_suite, tiny_task, tmp_path, gisteval, dry_run) -> None:
    file = tmp_path / "sweep.yaml"
    models = json.dumps([str(tiny_suite / name) for name in ("gist-1", "gist-3", "absent")])
    file.write_text(f"common: {{task: '{tiny_task}', limit: 2, judge: none}}\ngrid: {{models: {models}}}\n")
    arguments = ("sweep", file, "--output", tmp_path / "runs")
    before = dry_run(*arguments, *RATE)
    assert not (tmp_path / "runs").exists()
    assert [entry["state"] for entry in before["entries"]] == ["open", "open", "failed"]
    assert gisteval(*arguments, "--shard", "1/3").code == 0
    after = dry_run(*arguments, *RATE)
    assert [entry["state"] for entry in after["entries"]] == ["finished", "open", "failed"]
    assert after["entries"][1] == before["entries"][1]
    assert after["worker"] == after["entries"][1]["worker"]
    totals = [entry["worker"]["most"]["flops"] for entry in before["entries"][:2]]
    assert before["worker"]["most"]["flops"] == sum(totals)
    text = gisteval(*arguments, *RATE, "--dry-run").out
    assert "all unfinished entries, one worker: " in text
    assert "does not exist" in text


def test_short_text() -> None:
    seconds = (0.5, 90, 600, 7200, 10**6)
    assert [duration_text(s) for s in seconds] == ["0.5 s", "90 s", "10 min", "2 h", "11.6 days"]
    assert [dollars_text(d) for d in (0.0, 0.00123, 1234.5)] == ["$0.00", "$0.0012", "$1,234.50"]
