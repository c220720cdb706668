"""lm-eval's requests through our model against HFLM, as ratios in one process on one machine.

    python benchmarks/lm_eval_model.py [shared plain generate] [--checkpoint DIR] [--documents N]

shared    4 choices behind a context whose first 500 tokens are the same everywhere and compressed;
          HFLM reads all of it
plain     loglikelihood without anything compressed or shared: other contexts, one continuation each
generate  generate_until without anything compressed or shared

Prints one JSON object a part: HFLM's best time (batch sizes 16 and 64) over ours, best of three, taken in
turns, and how far apart the log-likelihoods are where both compute the same.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from random import Random
from typing import Any

import transformers
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from timing import best_times

from gisteval.content import find_content
from gisteval.integrations.lm_eval import GistLM
from gisteval.tasks import load_task

HFLM_BATCHES = (16, 64)
MAX_GEN_TOKS = 16
MARKER = "\n\nQuestion:"


def instances(kind: str, arguments: list[tuple[Any, ...]]) -> list[Instance]:
    return [Instance(kind, {}, args, 0, ("bench", number, 1)) for number, args in enumerate(arguments)]


def texts(count: int) -> list[tuple[str, str, str]]:
    """Instructions, inputs and outputs of different lengths."""
    examples = load_task("wordplay").examples("seen", count)
    return [(example.instruction, example.input, example.output) for example in examples]


def shared_context(model: GistLM, tokens: int) -> str:
    """Instructions and answers, one after another, of about so many tokens."""
    rows = iter(texts(200))
    text = ""
    while len(model.tok_encode(text)) < tokens:
        instruction, given, output = next(rows)
        text += f"{instruction}\n{given}\n{output}\n"
    return text


def compare(model: GistLM, kind: str, requests: list[Instance], equal: bool) -> dict[str, Any]:
    """HFLM on the same weights and tokenizer."""

    def peer(batch: int) -> Callable[[], Any]:
        other = HFLM(
            pretrained=model.reader.model, tokenizer=model.tokenizer, batch_size=batch, device="cpu"
        )
        return lambda: getattr(other, kind)(requests, disable_tqdm=True)

    runs = {"ours": lambda: getattr(model, kind)(requests, disable_tqdm=True)}
    runs |= {f"hflm-{batch}": peer(batch) for batch in HFLM_BATCHES}
    times, results = best_times(runs)
    own = times.pop("ours")
    best = min(times, key=lambda name: times[name])
    found = {"requests": len(requests), "ratio": round(times[best] / own, 2), "best_peer": best}
    if equal and kind == "loglikelihood":
        pairs = zip(results["ours"], results[best], strict=True)
        found["largest_difference"] = max(abs(ours - theirs) for (ours, _), (theirs, _) in pairs)
    elif equal:
        same = sum(ours == theirs for ours, theirs in zip(results["ours"], results[best], strict=True))
        found["equal_outputs"] = f"{same} of {len(requests)}"
    return found


def shared(checkpoint: str, documents: int, tokens: int) -> dict[str, Any]:
    model = GistLM(checkpoint, compress=f"before:{MARKER}", device="cpu")
    context, rng = shared_context(model, tokens), Random(0)
    rows = texts(documents)
    arguments = [
        (f"{context}{MARKER} {instruction} {given}\nAnswer:", f" {choice}")
        for instruction, given, output in rows
        for choice in (output, *(other for _, _, other in rng.sample(rows, 3)))
    ]
    return compare(model, "loglikelihood", instances("loglikelihood", arguments), equal=False)


def plain(checkpoint: str, documents: int, tokens: int) -> dict[str, Any]:
    model = GistLM(checkpoint, compress="nothing", device="cpu")
    arguments = [(f"{instruction}\n{given}\n", output) for instruction, given, output in texts(documents)]
    return compare(model, "loglikelihood", instances("loglikelihood", arguments), equal=True)


def generate(checkpoint: str, documents: int, tokens: int) -> dict[str, Any]:
    model = GistLM(checkpoint, compress="nothing", device="cpu")
    settings = {"until": ["\n\n"], "max_gen_toks": MAX_GEN_TOKS, "do_sample": False}
    arguments = [
        (f"{instruction}\n{given}\n", dict(settings)) for instruction, given, _ in texts(documents)
    ]
    return compare(model, "generate_until", instances("generate_until", arguments), equal=True)


PARTS = {"shared": shared, "plain": plain, "generate": generate}


def main() -> None:
    parser = argparse.ArgumentParser(description="lm-eval's requests through our model against HFLM.")
    parser.add_argument("parts", nargs="*", help=f"{', '.join(PARTS)}; all unless told.")
    parser.add_argument(
        "--checkpoint", default=str(find_content("checkpoints") / "wordplay-llama" / "gist-1")
    )
    parser.add_argument("--documents", type=int, default=200)
    parser.add_argument("--shared-tokens", type=int, default=500)
    options = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    for name in options.parts or PARTS:
        found = PARTS[name](options.checkpoint, options.documents, options.shared_tokens)
        print(json.dumps({name: found}), flush=True)


if __name__ == "__main__":
    main()
