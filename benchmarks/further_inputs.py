"""Inputs behind one long prompt: ours, which stores it, against lm-eval's HFLM, which reads it every time.

    python benchmarks/further_inputs.py --model smollm2 --tokens 4096 --inputs 20 --peer-inputs 2

Prints seconds of process time a further input, with one thread and answers of 8 tokens (extra: lm-eval).
The prompt is prose; docs/long-prompts.md has the figures.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
from generation import hflm_runner, load

from gisteval.compressors.full import Full
from gisteval.generation.answering import Decoding, answer_all
from gisteval.models.checkpoints.loading import resolve
from gisteval.records.schema import Example
from gisteval.tasks.generators.long_prompts.haystack import prose

NEW_TOKENS = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--inputs", type=int, default=20)
    parser.add_argument("--peer-inputs", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model = load(Path(resolve(arguments.model)))
    words = " ".join(prose()).split()
    length = len(words)
    while len(model.tokens.prompts([" ".join(words[:length])])[0]) > arguments.tokens:
        length = length * 9 // 10
    text = " ".join(words[:length])
    examples = [
        Example(f"i{number}", "prose", "inputs", text, f"Who is called {words[number]}?", "")
        for number in range(arguments.inputs)
    ]

    def ours(some: list[Example]) -> float:
        began = time.process_time()
        decoding = Decoding(NEW_TOKENS, with_loss=False)
        assert sum(len(batch) for batch in answer_all(model, Full(), None, some, decoding)) == len(some)
        return time.process_time() - began

    one, many = ours(examples[:1]), ours(examples)
    further = (many - one) / (len(examples) - 1)
    began = time.process_time()
    hflm_runner(model, "pos_control", examples[: arguments.peer_inputs], 1, NEW_TOKENS)()
    peer = (time.process_time() - began) / arguments.peer_inputs
    tokens = len(model.tokens.prompts([text])[0])
    print(
        f"{tokens:,} tokens: the first input {one:.1f} s, a further one {further:.2f} s, "
        f"HFLM {peer:.1f} s each: {peer / further:.1f} times"
    )


if __name__ == "__main__":
    main()
