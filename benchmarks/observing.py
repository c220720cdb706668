"""What watching a prefill costs, and several budgets and evictors that share it, beside one of them.

    python benchmarks/observing.py [--tokens 512] [--prompts 8] [--rounds 5]

Prints a table of CPU seconds of this process, the best of the rounds, and the median of the rounds' ratios.
First come passes over the same padded prompts: transformers' own, ours, ours with every layer watched, and
one that keeps four slots a head. Then come one evictor under one budget, the same under five, and six
evictors under five, all in turns. The model is a random Llama of 8 layers; a real one runs longer for each
token, so what is added weighs less there.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "fixtures")]

import random_models  # noqa: E402
import torch  # noqa: E402

from gisteval.compressors.eviction.base import Eviction  # noqa: E402
from gisteval.compressors.eviction.together import compress_together  # noqa: E402
from gisteval.compressors.spec import build_compressor  # noqa: E402
from gisteval.models.running.decoder import DecoderModel  # noqa: E402
from gisteval.models.running.observe import LayerView  # noqa: E402
from gisteval.models.running.padding import pad_left  # noqa: E402
from gisteval.models.running.prefill import Prefill  # noqa: E402
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
    passes = _passes(model, model.tokens.prompts(texts))
    work: dict[str, Callable[[], object]] = dict(passes)
    for name, wanted in cases.items():
        work[name] = partial(compress_together, model, texts, wanted)
    taken: dict[str, list[float]] = {name: [] for name in work}
    passes["kept"]()
    for _ in range(options.rounds):
        for name, run in work.items():
            start = time.process_time()
            run()
            taken[name].append(time.process_time() - start)
    best = {name: min(seconds) for name, seconds in taken.items()}
    print(f"{len(texts)} prompts of about {options.tokens} tokens, {torch.get_num_threads()} threads")
    for name in passes:
        print(f"{name:18} {best[name]:6.3f} s, ratio {_ratio(taken[name], taken['stock']):.3f} to stock")
    for spec in SPECS:
        one, five = f"{spec}, one budget", f"{spec}, five budgets"
        ratio = _ratio(taken[five], taken[one])
        print(f"{spec:18} one budget {best[one]:6.3f} s, five {best[five]:6.3f} s, ratio {ratio:.2f}")
    alone = sum(best[f"{spec}, one budget"] for spec in SPECS)
    together = best["all six, five budgets"]
    print(f"{'all':18} one by one {alone:6.3f} s, all with five budgets {together:.3f} s")


def _ratio(ours: Sequence[float], others: Sequence[float]) -> float:
    """The median over the rounds of what one took beside the other."""
    return float(median(one / other for one, other in zip(ours, others, strict=True)))


def _passes(model: DecoderModel, prompts: Sequence[Sequence[int]]) -> dict[str, Callable[[], object]]:
    """Passes over the same padded prompts."""
    ids, present = pad_left(prompts, model.device)

    @torch.inference_mode()
    def stock() -> None:
        model.body(input_ids=ids, attention_mask=present.long(), use_cache=True)

    @torch.inference_mode()
    def plain() -> None:
        Prefill(model, prompts).run()

    def first(view: LayerView) -> list[torch.Tensor]:
        return [torch.arange(4).expand(view.keys.shape[1], -1)] * len(view.prompts)

    return {
        "stock": stock,
        "plain": plain,
        "watched": lambda: model.observe(prompts, lambda view: None),
        "kept": lambda: model.encode(prompts, select=first),
    }


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
