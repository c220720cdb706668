"""What a run's driver does for one record, in bytes and processor seconds: the figures of docs/scaling.md.

    python benchmarks/scaling.py [--records 100000]

Bytes of a line of examples, generations and verdicts; processor time of making and appending a record, of
reading it back and of scoring it; memory that known keys, scores and a report's samples take for an
example; processor time of a retention's 10,000 resamples over many clusters. Then the demo's gist-1 on
its human split, on one thread: matrix FLOPs that torch counts in its padded batches over those of the
estimate, and the FLOP/s it attains over those of a matrix product. Processor time, not wall time, since
other programs on the machine disturb it less. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from store import BATCH, SPLIT, SYSTEM, batches, made
from torch.utils.flop_counter import FlopCounterMode

from gisteval.compressors.gist.gist import Gist
from gisteval.config import RunConfig
from gisteval.content import find_content
from gisteval.generation.answering import answer_all
from gisteval.generation.outcomes import Answer
from gisteval.metrics import metrics_of
from gisteval.models.checkpoints.loading import load_model
from gisteval.pipeline.estimate.split_cost import count_lengths, split_cost
from gisteval.pipeline.identity import GenerationIdentity
from gisteval.pipeline.run.plan import plan_run
from gisteval.records.lines import to_json
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Example, Generation, Verdict, digest, record_key
from gisteval.records.store import RecordWriter
from gisteval.report.samples import Output, Sample
from gisteval.scores.columns import line_up
from gisteval.scores.lines import read_single_outputs
from gisteval.stats import retention

METRICS = metrics_of()
CLUSTERS = (10_000, 100_000, 1_000_000)


def resident() -> int:
    """Bytes that this process holds now."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measured(work: Callable[[], Any], count: int) -> tuple[dict[str, float], Any]:
    """Microseconds of the processor, and bytes that the result holds, both a record; and the result."""
    before, start = resident(), time.process_time()
    result = work()
    seconds = time.process_time() - start
    found = {
        "microseconds": round(1e6 * seconds / count, 2),
        "bytes_held": round((resident() - before) / count),
    }
    return found, result


def example(record: dict[str, Any]) -> Example:
    """An example of Alpaca+'s size for a made record, with its content id."""
    text = "Write a sentence that uses the words given in the input, each of them once. "
    found = Example(
        record["example"], "alpaca_plus", SPLIT, f"{text} {record['key']}", text, record["output"]
    )
    record["content"] = found.content_id
    return found


def verdict(record: dict[str, Any]) -> dict[str, Any]:
    """A chat judge's verdict of usual length."""
    reply = json.dumps({"reason": "Both answers do what was asked, the second one is shorter. " * 2})
    return to_json(
        Verdict(
            digest([record["key"]]), record["content"], "alpaca_plus", SPLIT, SYSTEM, "LLaMA-pos", "openai",
            "main", "ab", "a", reply, None, 600, 60, 0.0007,
        )
    )  # fmt: skip


def store_figures(count: int, folder: Path) -> dict[str, Any]:
    """Bytes and times of the record store, then of what reads it."""
    run = RunFolder(folder)
    file = run.generations(SYSTEM)
    records = list(made(count))
    examples = [example(record) for record in records]

    def append() -> None:
        with RecordWriter(file) as writer:
            for batch in batches(iter(records)):
                writer.write(batch)

    prefix = GenerationIdentity({}, "gist", None, "gist", 1, 0, "w", "t", 128, "float32", 0).prefix()
    generations = [Generation(**record) for record in records]

    def make() -> None:
        for one, generation in zip(examples, generations, strict=True):
            record_key(prefix, one)
            to_json(generation)

    found: dict[str, Any] = {}
    found["key_and_record"], _ = measured(make, count)
    found["append"], _ = measured(append, count)
    size = file.stat().st_size
    lines = (json.dumps(to_json(one), ensure_ascii=False) + "\n" for one in examples[:BATCH])
    found["line_bytes"] = {
        "generation": size // count,
        "example": sum(map(len, lines)) // BATCH,
        "verdict": sum(len(json.dumps(verdict(one))) + 1 for one in records[:BATCH]) // BATCH,
    }
    found["read"], _ = measured(lambda: sum(1 for _ in run.read_generations(SYSTEM, SPLIT)), count)
    found["known_keys"], keys = measured(lambda: run.known_keys(SYSTEM, SPLIT), count)
    del keys

    line_up(
        examples[:10], read_single_outputs(run, SYSTEM, SPLIT, examples[:10]), set(), METRICS
    )  # imports all

    def scored() -> Any:
        return line_up(examples, read_single_outputs(run, SYSTEM, SPLIT, examples), set(), METRICS)

    found["read_and_score"], kept = measured(scored, count)
    del kept

    def samples() -> list[Sample]:
        read = run.read_generations(SYSTEM, SPLIT)
        return [_sample(one, generation) for one, generation in zip(examples, read, strict=True)]

    found["report_samples"], _ = measured(samples, count)
    return found


def _sample(one: Example, generation: Generation) -> Sample:
    output = Output(generation.output, generation.finished, 50.0, False, {}, ())
    return Sample(generation.content[:12], one, {generation.system: output})


def retention_figures() -> dict[str, float]:
    """Processor seconds of one retention with its interval, by clusters (an example each)."""
    found = {}
    draw = np.random.default_rng(0)
    for clusters in CLUSTERS:
        negative = draw.uniform(0, 40, clusters)
        candidate, positive = (negative + draw.uniform(0, most, clusters) for most in (40, 60))
        start = time.process_time()
        retention(candidate, positive, negative, percent=True)
        found[str(clusters)] = round(time.process_time() - start, 2)
    return found


def estimate_figures() -> dict[str, float]:
    """The padding and the attained speed that an estimate leaves out."""
    torch.set_num_threads(1)
    config = RunConfig(
        models=(str(find_content("checkpoints") / "wordplay-llama" / "gist-1"),), splits=("human",)
    )
    plan = plan_run(config)
    (system,) = plan.suites[0].evaluated
    model = load_model(system.checkpoint, torch.device("cpu"), torch.float32)
    examples, compressor = plan.examples["human"], Gist()
    first = torch.ones(1024, 1024)
    start = time.process_time()
    for _ in range(10):
        first @ first
    product = 10 * 2 * 1024**3 / (time.process_time() - start)
    lengths = count_lengths(system.checkpoint, examples)

    def run() -> list[int]:
        found = answer_all(model, compressor, None, examples, plan.decoding)
        # With its end token, as a reference is counted.
        return [
            one.output_tokens + one.finished for batch in found for one in batch if isinstance(one, Answer)
        ]

    run()
    start = time.process_time()
    outputs = run()
    seconds = time.process_time() - start
    model.model.set_attn_implementation("eager")  # torch does not count a CPU's fused attention
    with FlopCounterMode(display=False) as counter:
        run()
    cost = split_cost(system, "human", lengths, plan.decoding.max_new_tokens)
    assert cost.flops is not None
    return {
        "output_tokens": sum(outputs),
        "output_tokens_expected": cost.tokens.output,
        "counted_over_estimated": round(counter.get_total_flops() / cost.flops.expected.matrix, 3),
        "attained_over_product": round(cost.flops.expected.total / seconds / product, 3),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=100_000)
    count = parser.parse_args().records
    with tempfile.TemporaryDirectory() as name:
        found = store_figures(count, Path(name))
    found["retention_seconds"] = retention_figures()
    found["estimate"] = estimate_figures()
    print(json.dumps({"records": count, **found}, indent=1))


if __name__ == "__main__":
    main()
