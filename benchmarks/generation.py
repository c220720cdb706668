"""Speed and memory of generation as ratios against peers, measured in one process on one machine.

    python benchmarks/generation.py [suite] [protocol hflm shared overhead memory startup]

protocol  against the paper's protocol: batch 1, every prompt encoded anew, stock `generate`
hflm      against lm-eval's HFLM (`generate_until`) at its best batch size (extra: lm-eval)
shared    the same peer where 500 inputs share one instruction of about 500 tokens
overhead  share of a whole run that is spent outside the model's calls
memory    peak memory of a run with ten times the examples over that of one
startup   seconds of `gisteval --help` and of `gisteval score` on one file

Prints one JSON object a part. Times are the best of three repetitions, taken in turns.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from own_time import run_shares
from timing import REPETITIONS, best_times

from gisteval.compressors.gist.gist import Gist
from gisteval.generation.answering import Decoding, answer_all
from gisteval.generation.outcomes import Answer
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.models.checkpoints.loading import load_model
from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import Prefix
from gisteval.models.running.padding import pad_left
from gisteval.prompts import Template
from gisteval.records.schema import Example
from gisteval.registry import COMPRESSORS, CONDITION_COMPRESSOR
from gisteval.tasks import load_task

MAX_NEW_TOKENS = 24
HFLM_BATCHES = (64, 128, 256)
PROTOCOL_EXAMPLES = 100  # a split; one at a time is slow
SHARED_INPUTS = 500
SHARED_TOKENS = 500


def load(folder: Path, device: str = "cpu") -> PromptModel:
    return load_model(inspect_checkpoint(folder), torch.device(device), torch.float32)


def ours(model: PromptModel, compressor: Any, examples: Sequence[Example]) -> list[str]:
    model = model.with_gists(model.tokens.k, model.leak_window)  # its tokenizer remembers no text
    decoding = Decoding(MAX_NEW_TOKENS, with_loss=False)
    found = {
        answer.example.id: answer.output
        for batch in answer_all(model, compressor, None, examples, decoding)
        for answer in batch
        if isinstance(answer, Answer)
    }
    return [found[example.id] for example in examples]


def one_by_one(model: PromptModel, examples: Sequence[Example]) -> list[str]:
    """The reference protocol: prompt encoded anew for each example, stock `generate` on its cache."""
    from transformers import DynamicCache

    outputs = []
    tokens = model.tokens
    for example in examples:
        prompt = tokens.prompts([example.instruction])[0] + tokens.gists
        prefix = model.encode([prompt], tokens.k)[0]
        assert isinstance(prefix, Prefix)
        cache = DynamicCache()
        for index, (keys, values) in enumerate(prefix.layers):
            cache.update(keys[None].clone(), values[None].clone(), index)
        ids, _ = pad_left(tokens.continuations([example.input]), model.device)
        slots = prefix.slots
        # Stock generate wants ids for the cached slots, too; only those behind them are run.
        before = torch.zeros(1, slots, dtype=torch.long, device=model.device)
        padded = torch.cat([before, ids], dim=1)
        result = model.model.generate(
            padded,
            attention_mask=torch.ones_like(padded),
            position_ids=torch.cat(
                [before, torch.arange(ids.shape[1], device=model.device)[None] + prefix.next_position],
                dim=1,
            ),
            past_key_values=cache,
            max_new_tokens=MAX_NEW_TOKENS,
            do_sample=False,
            suppress_tokens=model.suppressed_ids,
        )
        outputs.append(tokens.decode(result[0, padded.shape[1] :].tolist()))
    return outputs


def hflm_runner(
    model: PromptModel,
    condition: str,
    examples: Sequence[Example],
    batch: int,
    new_tokens: int = MAX_NEW_TOKENS,
) -> Callable[[], list[str]]:
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    tokens = model.tokens
    peer = HFLM(
        pretrained=model.model,
        tokenizer=tokens.tokenizer,
        batch_size=batch,
        max_length=model.context,
        device=str(model.device),
    )
    settings = {"until": ["</s>"], "max_gen_toks": new_tokens, "do_sample": False}

    template = tokens.template
    assert isinstance(template, Template)

    def prompt(example: Example) -> str:
        return template.prompt(example.instruction) + "<GIST>" * tokens.k

    requests = [
        Instance(
            "generate_until",
            {},
            (
                (prompt(example) if condition != "neg_control" else "")
                + template.continuation(example.input),
                settings,
            ),
            0,
        )
        for example in examples
    ]

    def run() -> list[str]:
        return [text.strip() for text in peer.generate_until(requests, disable_tqdm=True)]

    return run


def same(ours_: Sequence[str], theirs: Sequence[str]) -> str:
    equal = sum(a == b for a, b in zip(ours_, theirs, strict=True))
    return f"{equal} of {len(theirs)}"


def demo_examples(per_split: int | None = None) -> list[Example]:
    task = load_task("wordplay")
    return [e for split in ("seen", "unseen", "human") for e in task.examples(split, per_split)]


def protocol(suite: Path) -> dict[str, Any]:
    model = load(suite / "gist-1")
    examples = demo_examples(PROTOCOL_EXAMPLES)
    times, results = best_times(
        {"ours": lambda: ours(model, Gist(), examples), "peer": lambda: one_by_one(model, examples)}
    )
    return {
        "examples": len(examples),
        "ratio": round(times["peer"] / times["ours"], 2),
        "equal_outputs": same(results["ours"], results["peer"]),
    }


@dataclass(frozen=True)
class Comparison:
    """One checkpoint against the peer at its best batch size, in seconds."""

    facts: dict[str, Any]
    ours: float
    peer: float


def against_hflm(suite: Path, name: str, examples: Sequence[Example]) -> Comparison:
    model = load(suite / name)
    condition = inspect_checkpoint(suite / name).record.condition
    assert condition is not None
    compressor = COMPRESSORS.load(CONDITION_COMPRESSOR[condition])()
    runs: dict[str, Callable[[], Any]] = {"ours": lambda: ours(model, compressor, examples)}
    for batch in HFLM_BATCHES:
        runs[f"hflm-{batch}"] = hflm_runner(model, condition, examples, batch)
    times, results = best_times(runs)
    own = times.pop("ours")
    best = min(times, key=lambda peer: times[peer])
    facts = {
        "system": name,
        "examples": len(examples),
        "ratio": round(times[best] / own, 2),
        "best_peer": best,
        "peer_ratios": {peer: round(value / own, 2) for peer, value in times.items()},
    }
    if condition != "gist":  # a plain causal pass computes both controls, and no gist
        facts["equal_outputs"] = same(results["ours"], results[best])
    return Comparison(facts, own, times[best])


def hflm(suite: Path) -> dict[str, Any]:
    examples = demo_examples()
    members = sorted(folder.parent.name for folder in suite.glob("*/gist.json"))
    found = [against_hflm(suite, name, examples) for name in members]
    return {
        "suite_ratio": round(sum(one.peer for one in found) / sum(one.ours for one in found), 2),
        "members": [one.facts for one in found],
    }


def shared(suite: Path) -> list[dict[str, Any]]:
    """500 inputs behind one long instruction: what a system prompt is."""
    model = load(suite / "gist-1")
    task = load_task("wordplay")
    words = " ".join(example.instruction for example in task.examples("seen", 100)).split()
    length = len(words)
    while len(model.tokens.prompts([" ".join(words[:length])])[0]) > SHARED_TOKENS:
        length -= 1
    text = " ".join(words[:length])
    inputs = [example for example in task.examples("train", 4000) if example.input][:SHARED_INPUTS]
    examples = [
        Example(f"s{i}", "wordplay", "shared", text, e.input, e.output) for i, e in enumerate(inputs)
    ]
    return [against_hflm(suite, name, examples).facts for name in ("gist-1", "pos_control")]


def overhead(suite: Path, **options: Any) -> dict[str, Any]:
    """By wall time. Runs last in its process, since functions stay wrapped. options: of the run."""
    from gisteval.config import RunConfig

    with tempfile.TemporaryDirectory() as folder:
        config = RunConfig(models=(str(suite),), output=f"{folder}/run", **options)
        return {"share_outside_model": run_shares(config, time.perf_counter)["outside_model"]}


def peak_memory(suite: Path, limit: int) -> int:
    """Peak resident kilobytes of a run of its own over `limit` training examples."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [
                *(sys.executable, "-m", "gisteval", "run", "--model", str(suite / "gist-1")),
                *("--split", "train", "--limit", str(limit), "--output", f"{folder}/run"),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


def memory(suite: Path) -> dict[str, Any]:
    # The maximum over all children so far: the small run goes first.
    small, large = peak_memory(suite, 2000), peak_memory(suite, 20_000)
    return {
        "examples": [2000, 20_000],
        "ratio": round(large / small, 3),
        "megabytes": [small >> 10, large >> 10],
    }


def startup(suite: Path) -> dict[str, Any]:
    def seconds(*arguments: str) -> float:
        def once() -> float:
            start = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "gisteval", *arguments], check=True, stdout=subprocess.DEVNULL
            )
            return time.perf_counter() - start

        return round(min(once() for _ in range(REPETITIONS)), 2)

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "predictions.jsonl"
        rows = [{"y_pred": e.input, "y_true": e.output} for e in load_task("wordplay").examples("seen")]
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return {"help_seconds": seconds("--help"), "score_seconds": seconds("score", str(file))}


PARTS: dict[str, Callable[[Path], Any]] = {
    "protocol": protocol,
    "hflm": hflm,
    "shared": shared,
    "memory": memory,
    "startup": startup,
    "overhead": overhead,
}


def main(arguments: Sequence[str]) -> Iterator[tuple[str, Any]]:
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    suite = Path(next((a for a in arguments if a not in PARTS), "checkpoints/wordplay-llama"))
    for name, part in PARTS.items():
        if name in arguments or not any(a in PARTS for a in arguments):
            yield name, part(suite)


if __name__ == "__main__":
    for part_name, outcome in main(sys.argv[1:]):
        print(json.dumps({part_name: outcome}), flush=True)
