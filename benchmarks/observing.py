"""What several budgets and evictors cost that share one pass over the prompts, beside one of them.

    python benchmarks/observing.py [--tokens 512] [--prompts 8] [--rounds 5]

Prints a table of CPU seconds of this process, the best of the rounds, taken in turns: one evictor under one
budget, the same under five, and six evictors under five. The model is a random Llama of 8 layers; a real
one runs longer for each token, so what sharing adds weighs less there.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "fixtures")]

import random_models  # noqa: E402
import torch  # noqa: E402

from gisteval.compressors.eviction.base import Eviction  # noqa: E402
from gisteval.compressors.eviction.together import compress_together  # noqa: E402
from gisteval.compressors.spec import build_compressor  # noqa: E402
from gisteval.records.budget import Budget  # noqa: E402

SPECS = ("knorm", "keydiff", "tova", "snapkv:window=32", "streaming", "expected")
BUDGETS = tuple(Budget(share=share) for share in (0.05, 0.1, 0.25, 0.5, 0.75))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    for name, default in (("tokens", 512), ("prompts", 8), ("rounds", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    torch.set_num_threads(1)
    random_models.CONTEXT = 2 * options.tokens
    model = random_models.random_model("llama", width=256, layers=8)
    lengths = {word: len(model.tokens.segments.plain([f" {word}"])[0]) for word in random_models.WORDS}
    texts = [_text(lengths, options.tokens, row + 5) for row in range(options.prompts)]
    methods = [build_compressor(spec) for spec in SPECS]
    cases: dict[str, list[tuple[Eviction, Budget | None]]] = {}
    for spec, method in zip(SPECS, methods, strict=True):
        assert isinstance(method, Eviction)
        cases[f"{spec}, one budget"] = [(method, BUDGETS[2])]
        cases[f"{spec}, five budgets"] = [(method, budget) for budget in BUDGETS]
    cases["all six, five budgets"] = [pair for name in list(cases)[1::2] for pair in cases[name]]
    best = dict.fromkeys(cases, float("inf"))
    model.encode(model.tokens.prompts(texts), select=lambda view: methods[0].select(view, [4] * len(texts)))
    for _ in range(options.rounds):
        for name, wanted in cases.items():
            start = time.process_time()
            compress_together(model, texts, wanted)
            best[name] = min(best[name], time.process_time() - start)
    print(f"{len(texts)} prompts of about {options.tokens} tokens, {torch.get_num_threads()} threads")
    for spec in SPECS:
        one, five = best[f"{spec}, one budget"], best[f"{spec}, five budgets"]
        print(f"{spec:18} one budget {one:6.3f} s, five {five:6.3f} s, ratio {five / one:.2f}")
    alone = sum(best[f"{spec}, one budget"] for spec in SPECS)
    together = best["all six, five budgets"]
    print(f"{'all':18} one by one {alone:6.3f} s, all with five budgets {together:.3f} s")


def _text(lengths: Mapping[str, int], tokens: int, step: int) -> str:
    """Words of about so many tokens together."""
    words, total = list(lengths), 0
    chosen: list[str] = []
    while total < tokens:
        chosen.append(words[len(chosen) * step % len(words)])
        total += lengths[chosen[-1]]
    return " ".join(chosen)


if __name__ == "__main__":
    main()
